/**
 * Whether `output_plugin_libraries` (minor releases of 2026) lets an output plugin be loaded: a list of library names as in `shared_preload_libraries`, with or without a path,
 * quotes and a suffix. Undefined: a server without the setting, which loads all that it has.
 */
export function allowsPlugin(libraries: string | undefined, plugin: string): boolean {
  if (libraries === undefined) return true;
  const names = libraries.split(',').map((entry) =>
    entry
      .trim()
      .replaceAll('"', '')
      .replace(/^.*\//, '')
      .replace(/\.(so|dll|dylib)$/, ''),
  );
  return names.includes(plugin) || names.includes('*');
}
