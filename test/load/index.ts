import { parseArgs } from 'node:util';
import { linesOf } from './bounds.ts';
import { type LoadSettings, runLoad } from './run.ts';

/**
 * `npm run load [-- --migrations 2000 --minutes 60 --speed 6 --watch 60]`: many migrations at once on one Redis and one
 * machine. Prints a table; exit code 1 where a bound is broken, 130 when it is interrupted. Without --expose-gc the heap
 * is read as it is.
 */
const { values } = parseArgs({
  options: {
    migrations: { type: 'string', default: '2000' },
    minutes: { type: 'string', default: '60' },
    speed: { type: 'string', default: '6' },
    watch: { type: 'string', default: '60' },
  },
});

function numberOf(name: keyof typeof values, most: number): number {
  const number = Number(values[name]);
  if (number > 0 && number <= most) return number;
  console.error(`--${name}: a number above 0 and up to ${most}`);
  process.exit(2);
}

const settings: LoadSettings = {
  migrations: numberOf('migrations', 10_000),
  forMs: numberOf('minutes', 24 * 60) * 60_000,
  speed: numberOf('speed', 1_000),
  watchEveryMs: numberOf('watch', 60) * 1_000,
};
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
const figures = await runLoad(settings, (text) => console.error(text), stopping.signal).catch((error: unknown) => {
  if (!stopping.signal.aborted) throw error;
  console.error('interrupted; its redis-server is stopped');
  process.exit(130);
});
const lines = linesOf(settings, figures);
console.log(
  `${settings.migrations} migrations, ${values.minutes} virtual minutes at speed ${settings.speed}, watched every ${values.watch} s`,
);
for (const { what, figure, bound, isKept } of lines) {
  console.log(`${isKept ? 'kept  ' : 'BROKEN'}  ${what.padEnd(40)} ${figure.padEnd(24)} ${bound}`);
}
process.exitCode = lines.every(({ isKept }) => isKept) ? 0 : 1;
