/** The style sheet of report pages: system fonts, light and dark by the reader's preference, tables that become cards on a phone. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #1b2430; --soft: #5a6675; --line: #dde2e8; --accent: #2f6fd0; --spark: #8fb4e8;
  --good: #17724a; --good-back: #e0f3e9; --warn: #855300; --warn-back: #fdf0d5; --bad: #b3261e; --bad-back: #fce8e6; --idle: #4b5563; --idle-back: #e9ecf0; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1b2129; --ink: #e6eaf0; --soft: #9aa6b5; --line: #303944; --accent: #6ea8fe; --spark: #47699b;
  --good: #7bd6a8; --good-back: #12372a; --warn: #f2c46d; --warn-back: #3d2e10; --bad: #ff9d94; --bad-back: #4a1d1a; --idle: #b4bfcc; --idle-back: #2c343e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 12px 0 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 34px 0 12px; }
p { margin: 6px 0; }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 12.5px; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.title { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 0; }
.pill { display: inline-block; padding: 1px 10px; border-radius: 99px; font-size: 13px; font-weight: 600; white-space: nowrap; background: var(--idle-back); color: var(--idle); }
.pill.complete { background: var(--good-back); color: var(--good); }
.pill.partial, .pill.stopped, .pill.copying { background: var(--warn-back); color: var(--warn); }
.pill.failed { background: var(--bad-back); color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin: 22px 0 0; padding: 0; }
.tiles > div, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tiles > div { padding: 10px 14px; }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { margin: 0; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles small { display: block; color: var(--soft); font-size: 12.5px; font-weight: 400; }
.notice { margin: 14px 0 0; padding: 10px 14px; border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: 8px; background: var(--card); overflow-wrap: anywhere; }
.notice p { margin: 2px 0; } .lines { white-space: pre-line; } .legend span { margin-right: 18px; }
.notice.warning { border-left-color: var(--warn); }
.notice b { color: var(--bad); } .notice.warning b { color: var(--warn); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 12px; }
figure { margin: 0; padding: 12px 14px 6px; }
figcaption { font-weight: 600; font-size: 14px; }
figure svg { display: block; width: 100%; height: auto; margin-top: 4px; }
svg text { fill: var(--soft); font-size: 12px; font-family: inherit; }
.grid { stroke: var(--line); } .axis { stroke: var(--soft); }
.bar, .dot { fill: var(--accent); } .line { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
.bar.failed, .dot.failed { fill: var(--bad); } .bar.partial, .dot.partial, .bar.stopped, .dot.stopped { fill: var(--warn); } .bar.running, .dot.running { fill: var(--soft); }
svg .mark { font-size: 13px; font-weight: 700; } svg .mark.failed { fill: var(--bad); } svg .mark.partial, svg .mark.stopped { fill: var(--warn); }
.spark path { fill: var(--spark); } .spark { vertical-align: middle; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 8px 12px; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-weight: 600; font-size: 13px; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 150px; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.bookmark { min-width: 200px; }
td small { display: block; color: var(--soft); white-space: nowrap; }
details { font-weight: 400; font-size: 13px; } summary { cursor: pointer; color: var(--soft); } details .mono { display: block; }
.card > details { padding: 10px 14px; font-size: 14px; }
ul { margin: 6px 0; padding-left: 20px; } li { overflow-wrap: anywhere; }
footer { margin-top: 36px; color: var(--soft); font-size: 13px; }
@media (max-width: 760px) {
  figure svg text { font-size: 15px; }
  main { padding: 18px 12px 36px; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards, .cards tbody, .cards tr, .cards th, .cards td { display: block; }
  .cards tr { padding: 8px 0; border-top: 1px solid var(--line); } .cards tbody tr:first-child { border-top: 0; }
  .cards th, .cards td { border: 0; padding: 3px 14px; }
  .cards td { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px; text-align: right; }
  .cards td::before { content: attr(data-label); color: var(--soft); text-align: left; }
  .cards td > div { max-width: 70%; } .cards td.empty { display: none; }
}
@media print { body { background: #fff; } details { display: none; } }
`;
