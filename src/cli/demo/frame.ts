import pc from 'picocolors';
import { errorPerCent, requestsFailed, requestsServed, type Snapshot } from './snapshot.ts';

const barWidth = 40;
const storyLines = 6;

/** One screen of the demo: where the migration is, the three shares, both sides, and what it waits for. */
export function frame(snapshot: Snapshot, title: string, columns: number): string {
  const { view, counters } = snapshot;
  const { asked, achieved, observed } = view.share;
  const lines = [
    `${pc.bold('sluice demo')}  ${title}`,
    '',
    `  ${label('migration')} ${view.name}   ${stateOf(view.state)}   step ${view.step} of ${view.steps}   ${snapshot.seconds.toFixed(0)} s`,
    `  ${label('waits for')} ${view.waitingFor ?? 'nothing'}`,
    '',
    `  ${label('asked')} ${bar(asked, pc.cyan)} ${perCent(asked)}`,
    `  ${label('achieved')} ${bar(achieved, pc.green)} ${perCent(achieved)}  at the CLB: ${weightsOf(snapshot)}`,
    `  ${label('observed')} ${bar(observed, pc.yellow)} ${perCent(observed)}  counted at the gateways`,
    '',
    `  ${label('source')} ${sideLine(snapshot, 'source')}`,
    `  ${label('target')} ${sideLine(snapshot, 'target')}`,
    `  ${label('requests')} ${requestsServed(counters)} served, ${requestsFailed(counters)} failed, ${counters.lost.sinceStart} lost`,
    '',
    ...snapshot.story.slice(-storyLines).map((line) => `  ${pc.dim('·')} ${line}`),
  ];
  return lines.map((line) => cut(line, columns)).join('\n');
}

/** The same as one plain line, for where there is no terminal. */
export function plainLine({ view, counters, seconds }: Snapshot): string {
  const { asked, achieved, observed } = view.share;
  const rate = (side: 'source' | 'target'): string => perCent(errorPerCent(counters[side]));
  return [
    `${seconds.toFixed(0).padStart(3)}s`,
    `step ${view.step}/${view.steps}`,
    view.state.padEnd(20),
    `asked ${perCent(asked)} achieved ${perCent(achieved)} observed ${perCent(observed)}`,
    `errors source ${rate('source')} target ${rate('target')}`,
    `served ${requestsServed(counters)} lost ${counters.lost.sinceStart}`,
    view.waitingFor === null ? '' : `waits for ${view.waitingFor}`,
  ].join('  ');
}

function label(text: string): string {
  return pc.dim(text.padEnd(10));
}

function stateOf(state: string): string {
  if (/^(rollingBack|stuck|refused)/.test(state)) return pc.red(state);
  return /^(completed|rolledBack|closed)/.test(state) ? pc.green(state) : pc.cyan(state);
}

function bar(share: number | null, color: (text: string) => string): string {
  const full = Math.round(((share ?? 0) / 100) * barWidth);
  return color('█'.repeat(full)) + pc.dim('░'.repeat(barWidth - full));
}

function perCent(share: number | null): string {
  return share === null ? '    -  ' : `${share.toFixed(1).padStart(5)} %`;
}

function weightsOf({ view }: Snapshot): string {
  return (
    view.ports.map(({ port, sourceWeight, targetWeight }) => `${port}: ${sourceWeight}+${targetWeight}`).join('  ') ||
    '-'
  );
}

function sideLine({ counters }: Snapshot, side: 'source' | 'target'): string {
  const { sinceStart } = counters[side];
  return `${String(sinceStart.requests).padStart(6)} requests, errors ${perCent(errorPerCent(counters[side]))} of the last 10 s`;
}

/** Lines that wrap would break the redraw. Counts what is seen, not the colour codes. */
function cut(line: string, columns: number): string {
  let seen = 0;
  let at = 0;
  while (at < line.length && seen < columns - 1) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with an escape character.
    const code = /^\u001b\[\d+m/.exec(line.slice(at, at + 8));
    if (code === null) seen += 1;
    at += code === null ? 1 : code[0].length;
  }
  return at < line.length ? `${line.slice(0, at)}\u001b[0m` : line;
}
