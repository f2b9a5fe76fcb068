#include "flanneld/page/document.h"

namespace flanneld::page {

const char* const kStyle = R"(
:root { --ink: #1c2430; --soft: #5d6b7e; --paper: #f4f6f9; --card: #fff; --line: #dde3ea;
  --good: #2b8a3e; --limited: #c77700; --bad: #c92a2a; --unsure: #8793a3; color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9f0; --soft: #9aa7b8; --paper: #12171e; --card: #1b222c; --line: #303a47;
    --good: #51b364; --limited: #e8a33d; --bad: #f06767; --unsure: #77859a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.5rem; }
h2 { margin: 0 0 .6rem; font-size: 1.05rem; }
header p { margin: .2rem 0 1rem; }
small, time, dt, footer { color: var(--soft); }
section { margin-bottom: 1rem; padding: .9rem 1rem; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); }
.wrong { border-left: 5px solid var(--bad); }
.wrong ul, .events { margin: 0; padding-left: 1.1rem; }
.none { margin: 0; color: var(--soft); }
.pill { padding: .1rem .6rem; border-radius: 1rem; color: #fff; }
.pill.good { background: #2b8a3e; }
.pill.bad { background: #c92a2a; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
tr.bad td:nth-child(4) { color: var(--bad); font-weight: 600; }
tr.limited td:nth-child(4) { color: var(--limited); font-weight: 600; }
tr.good td:nth-child(4) { color: var(--good); }
svg { display: block; width: 100%; max-width: 46rem; max-height: 26rem; margin: 0 auto 1rem; }
svg text { font-size: 11px; fill: var(--ink); paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
svg .middle { text-anchor: middle; }
svg .left { text-anchor: end; }
svg text.own { font-weight: 600; }
circle.own { fill: var(--ink); }
.mark.good { fill: var(--good); }
.mark.limited { fill: var(--limited); }
.mark.bad { fill: var(--bad); }
.mark.unsure { fill: var(--unsure); }
.way { stroke-width: 1.5; stroke: var(--unsure); }
.way.good { stroke: var(--good); }
.way.limited { stroke: var(--limited); stroke-width: 3; stroke-dasharray: 8 3; }
.way.bad { stroke: var(--bad); stroke-width: 3; stroke-dasharray: 2 5; }
.cross { stroke: #fff; stroke-width: 2; fill: none; }
.events { list-style: none; padding: 0; max-height: 24rem; overflow-y: auto; }
.events li { padding: .15rem 0 .15rem .6rem; border-left: 3px solid var(--line); overflow-wrap: anywhere; }
.events .limited { border-color: var(--limited); }
.events .bad { border-color: var(--bad); }
#stale { margin: 0 0 1rem; padding: .6rem 1rem; border-radius: 8px; background: #c92a2a; color: #fff; }
footer { padding: 0 0 2rem; }
a { color: inherit; }
@media (max-width: 45rem) {
  thead { display: none; }
  tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  td { display: flex; gap: 1rem; padding: .1rem 0; border: 0; }
  td::before { content: attr(data-label); flex: 0 0 6rem; color: var(--soft); }
}
)";

const char* const kScript = R"(
'use strict';
async function refresh() {
  if (document.hidden) return;
  const stale = document.getElementById('stale');
  try {
    const answer = await fetch('/', { cache: 'no-store' });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');
    const main = document.querySelector('main');
    const scrolled = main.querySelector('.events').scrollTop;
    main.replaceChildren(...document.adoptNode(fresh).childNodes);
    main.querySelector('.events').scrollTop = scrolled;
    main.dataset.refreshed = Number(main.dataset.refreshed || 0) + 1;
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
}
setInterval(refresh, 3000);
document.addEventListener('visibilitychange', refresh);
)";

}  // namespace flanneld::page
