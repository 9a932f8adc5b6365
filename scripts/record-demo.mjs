// Records the last screen of a real demo run as docs/demo.svg: `npm run record [-- --fault errors]`. Needs tmux.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

const session = `sluice-record-${process.pid}`;
const [columns, rows] = [118, 34];
const root = new URL('..', import.meta.url).pathname;
const done = 'demo-is-over';
const escapeCharacter = String.fromCharCode(27);
const escapeCode = new RegExp(`(${escapeCharacter}\\[[\\d;]*m)`);
const tmux = (...args) => execFileSync('tmux', args, { encoding: 'utf8' });

const command = `cd '${root}' && node dist/cli.js demo ${process.argv.slice(2).join(' ')} 2>/dev/null; echo "exit code $?"; printf '\\033]2;${done}\\007'; sleep 60`;
tmux('new-session', '-d', '-s', session, '-x', String(columns), '-y', String(rows), command);
try {
  for (let waited = 0; waited < 240; waited += 1) {
    await wait(1000);
    if (tmux('display-message', '-p', '-t', session, '#{pane_title}').trim() === done) break;
  }
  const screen = tmux('capture-pane', '-e', '-p', '-t', session).replace(/\n+$/, '');
  writeFileSync(`${root}docs/demo.svg`, svg(screen.split('\n')));
  console.log(tmux('capture-pane', '-p', '-t', session).replace(/\n+$/, ''));
} finally {
  tmux('kill-session', '-t', session);
}

function svg(lines) {
  const [cell, line] = [8.4, 19];
  const width = Math.ceil(columns * cell + 32);
  const height = lines.length * line + 40;
  const texts = lines.map((text, index) => {
    const y = 32 + index * line;
    return `<text x="16" y="${y}" xml:space="preserve">${spans(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" fill="#d5dbe3">
<title>The last screen of a run of sluice demo</title>
<rect width="100%" height="100%" rx="8" fill="#161b22"/>
${texts.join('\n')}
</svg>
`;
}

/** Colours of the terminal's escape codes, as spans. */
function spans(text) {
  const colors = { 31: '#ff7b72', 32: '#56d364', 33: '#e3b341', 36: '#76e3ea' };
  let style = { fill: null, bold: false, dim: false };
  let out = '';
  for (const part of text.split(escapeCode)) {
    const codes = part.startsWith(escapeCharacter) ? part.slice(2, -1) : null;
    if (codes !== null) {
      for (const code of codes.split(';').map(Number)) {
        if (code === 0 || Number.isNaN(code)) style = { fill: null, bold: false, dim: false };
        else if (code === 1) style = { ...style, bold: true };
        else if (code === 2) style = { ...style, dim: true };
        else if (code === 22) style = { ...style, bold: false, dim: false };
        else if (code === 39) style = { ...style, fill: null };
        else if (colors[code]) style = { ...style, fill: colors[code] };
      }
    } else if (part !== '') {
      const attributes = [
        style.fill === null ? '' : ` fill="${style.fill}"`,
        style.bold ? ' font-weight="bold"' : '',
        style.dim ? ' opacity="0.55"' : '',
      ].join('');
      const safe = part.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
      out += attributes === '' ? safe : `<tspan${attributes}>${safe}</tspan>`;
    }
  }
  return out;
}
