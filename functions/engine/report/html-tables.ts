import type { LoadingReport, TableReport } from '../model/report.ts';
import { sparkline } from './html-chart.ts';
import { html, nothing } from './html-text.ts';
import type { Markup } from './html-text.ts';
import { counted, durationBetween, humanBytes, humanCount, humanDuration } from './render-text.ts';

/** Pictures per table stop here: a page of ten thousand tables stays readable. */
const TABLES_WITH_PICTURE = 300;
const OBJECTS_LISTED = 50;

/** The tables of a report: failed ones first, then those with most rows. `jobs` are oldest first. */
export function tableSection(report: LoadingReport, jobs: readonly { readonly streams: ReadonlyMap<string, number> }[]): Markup {
  if (report.tables.length === 0)
    return html`<section>
      <h2>Tables</h2>
      <div class="notice warning">No table was read in this job.</div>
    </section>`;
  const order = [...report.tables].sort((a, b) => weight(b) - weight(a) || b.rows - a.rows || (a.stream < b.stream ? -1 : 1));
  const recent = jobs.slice(-20);
  const rows = order.map((table, at) => {
    const picture =
      at < TABLES_WITH_PICTURE && recent.length > 1
        ? sparkline(recent.map((job) => job.streams.get(table.stream) ?? 0))
        : nothing;
    return tableRow(table, picture);
  });
  return html`<section>
    <h2>Tables</h2>
    <div class="card scroll">
      <table class="cards">
        <thead>
          <tr>
            <th scope="col">Table</th>
            <th scope="col">State</th>
            <th scope="col" class="number">Rows</th>
            <th scope="col" class="number">Stored</th>
            <th scope="col" class="number">Objects</th>
            <th scope="col" class="number">Duration</th>
            <th scope="col">Bookmark</th>
            <th scope="col">Last jobs</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </section>`;
}

function weight(table: TableReport): number {
  return table.state === 'failed' ? 2 : table.state === 'copying' ? 1 : 0;
}

function tableRow(table: TableReport, picture: Markup): Markup {
  const durationMs = durationBetween(table.startedAt, table.endedAt);
  return html`<tr>
    <th scope="row">${table.stream}${tableDetails(table)}</th>
    <td data-label="State">
      <div>
        <span class="pill ${table.state}">${table.state}</span
        ><small>${table.method}</small>${table.newVersion ? html`<small>new version</small>` : nothing}
      </div>
    </td>
    <td class="number" data-label="Rows"><div>${humanCount(table.rows)}${changes(table)}</div></td>
    <td class="number" data-label="Stored">
      <div>${humanBytes(table.bytes)}<small>${humanBytes(table.jsonBytes)} JSON</small></div>
    </td>
    <td class="number" data-label="Objects">${humanCount(table.objects.length)}</td>
    <td class="number" data-label="Duration">${durationMs === undefined ? '–' : humanDuration(durationMs)}</td>
    <td class="bookmark" data-label="Bookmark"><div>${bookmark(table)}</div></td>
    <td data-label="Last jobs" class="${picture === nothing ? 'empty' : 'picture'}">${picture}</td>
  </tr> `;
}

function changes(table: TableReport): Markup {
  if (table.updates + table.deletes === 0) return nothing;
  return html`<small title="inserts, updates, deletes"
    >+${humanCount(table.inserts)} ~${humanCount(table.updates)} −${humanCount(table.deletes)}</small
  >`;
}

function bookmark({ bookmark: { before, after } }: TableReport): Markup {
  if (before === null && after === null) return html`<span class="soft">–</span>`;
  const from = before === null ? nothing : html`<code class="soft">${before}</code> → `;
  return before === after
    ? html`<code>${after ?? ''}</code> <small>unchanged</small>`
    : html`${from}<code>${after ?? 'none'}</code>`;
}

function tableDetails(table: TableReport): Markup {
  const facts: (readonly [string, string])[] = [
    ['Destination', table.destinationTable],
    ['Primary key', table.primaryKeys.length === 0 ? 'none' : table.primaryKeys.join(', ')],
    ...(table.replicationKey === null ? [] : [['Replication key', table.replicationKey] as const]),
    ['Version written', String(table.tableVersion)],
    ['Active version', table.activeVersion === null ? 'none yet' : String(table.activeVersion)],
    ...(table.nullKeys === null ? [] : [['Rows without a key', humanCount(table.nullKeys)] as const]),
    ...table.bookmarkMetadata.map(({ key, minValue, maxValue }) => [`Values of ${key}`, `${minValue} to ${maxValue}`] as const),
  ];
  const listed = table.objects
    .slice(0, OBJECTS_LISTED)
    .map(
      (object) =>
        html`<li><span class="mono">${object.key}</span>${counted(object.rows, 'row')}, ${humanBytes(object.bytes)}</li>`,
    );
  const more =
    table.objects.length > listed.length
      ? html`<li>and ${humanCount(table.objects.length - listed.length)} more in the JSON report</li>`
      : nothing;
  const objects =
    table.objects.length === 0
      ? nothing
      : html`<p>${counted(table.objects.length, 'object')}</p>
          <ul>
            ${listed}${more}
          </ul>`;
  const warnings =
    table.warnings.length === 0
      ? nothing
      : html`<ul>
          ${table.warnings.map((warning) => html`<li>${warning}</li>`)}
        </ul>`;
  const label = table.warnings.length === 0 ? 'Details' : `Details, ${counted(table.warnings.length, 'warning')}`;
  return html`<details>
    <summary>${label}</summary>
    ${warnings}${facts.map(([name, value]) => html`<div><span class="soft">${name}:</span> ${value}</div>`)}${objects}
  </details>`;
}
