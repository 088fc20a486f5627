/**
 * A file of results with what was measured now in place of what it had of the same parts, and all other parts as they were: each part is a run of its own. Parts begin with a
 * heading of the second level; new ones go to the end. What stands before the first one is `measured`'s.
 */
export function withMeasured(kept: string, measured: string): string {
  const [head = '', ...fresh] = partsOf(measured);
  const [, ...old] = partsOf(kept);
  const parts = new Map([...old, ...fresh].map((part) => [headingOf(part), part.trimEnd()]));
  return `${[head.trimEnd(), ...parts.values()].join('\n\n')}\n`;
}

function partsOf(text: string): readonly string[] {
  return text.split(/^(?=## )/m);
}

function headingOf(part: string): string {
  return part.slice(0, part.indexOf('\n'));
}
