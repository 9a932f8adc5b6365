import { isObject } from '../../api/choice.ts';
import type { Count } from '../../domain/verdict.ts';

/** One line of a trace: what both sides counted since the line before. */
export interface TraceLine {
  /** Seconds, from any moment that all lines share; the end of the counted interval. */
  readonly at: number;
  readonly source: Count;
  readonly target: Count;
  /** The share asked from this line on, per cent; null where the line does not say it. */
  readonly share: number | null;
  /** The share after that of this step, where an export says it: a pass lets it rise so far. */
  readonly next: number | null;
  /** A step begins with this line, and is judged from this time on, where an export says it; seconds. */
  readonly judgedFrom: number | null;
  /** When what is counted here began, where it is not the line before; seconds. */
  readonly from: number | null;
}

export interface TraceProblem {
  readonly line: number;
  readonly path: string;
  readonly message: string;
}

const traceLimits = { lines: 200_000, lineCharacters: 1_000, requests: 1_000_000_000, problems: 100 } as const;

/** Reads a trace (JSON Lines); where there are problems, every wrong line is among them, up to a hundred. */
export function parseTrace(text: string): {
  readonly lines: readonly TraceLine[];
  readonly problems: readonly TraceProblem[];
} {
  const lines: TraceLine[] = [];
  const problems: TraceProblem[] = [];
  let lastAt = Number.NEGATIVE_INFINITY;
  const texts = text.split('\n', traceLimits.lines + 2);
  for (const [index, one] of texts.entries()) {
    if (problems.length >= traceLimits.problems) break;
    if (one.trim() === '') continue;
    if (lines.length >= traceLimits.lines) {
      problems.push({ line: index + 1, path: 'line', message: `a trace has at most ${traceLimits.lines} lines` });
      break;
    }
    const read = parseLine(one, index + 1, lastAt);
    problems.push(...read.problems);
    lastAt = read.at ?? lastAt;
    if (read.line !== null) lines.push(read.line);
  }
  if (lines.length === 0 && problems.length === 0) {
    problems.push({ line: 1, path: 'line', message: 'the trace holds no samples' });
  }
  return { lines, problems: problems.slice(0, traceLimits.problems) };
}

interface ReadLine {
  readonly line: TraceLine | null;
  readonly at: number | null;
  readonly problems: readonly TraceProblem[];
}

function parseLine(text: string, number: number, lastAt: number): ReadLine {
  const problems: TraceProblem[] = [];
  const tell = (path: string, message: string) => problems.push({ line: number, path, message });
  const value = text.length > traceLimits.lineCharacters ? null : parseJson(text);
  if (text.length > traceLimits.lineCharacters) {
    tell('line', `is longer than ${traceLimits.lineCharacters} characters`);
  } else if (!isObject(value)) {
    tell('line', 'is not a JSON object such as {"at": 5, "source": {"requests": 90, "errors": 0}, "target": {...}}');
  }
  if (!isObject(value)) return { line: null, at: null, problems };
  const at = readAt(value['at'], lastAt, tell);
  const source = readCount(value['source'], 'source', tell);
  const target = readCount(value['target'], 'target', tell);
  const share = readShare(value['share'], 'share', tell);
  const next = readShare(value['next'], 'next', tell);
  const judgedFrom = readSeconds(value['judgedFrom'], 'judgedFrom', tell);
  const from = readSeconds(value['from'], 'from', tell);
  if (at !== null && from !== null && from >= at) tell('from', `${from} is not before ${at}`);
  const isRight = problems.length === 0 && at !== null && source !== null && target !== null;
  return { line: isRight ? { at, source, target, share, next, judgedFrom, from } : null, at, problems };
}

type Tell = (path: string, message: string) => void;

/** 33658 years: seconds of any calendar fit, milliseconds by mistake do not. */
const atMax = 1e12;

function readAt(value: unknown, lastAt: number, tell: Tell): number | null {
  if (typeof value !== 'number' || !Number.isFinite(value) || Math.abs(value) > atMax) {
    tell('at', value === undefined ? 'is missing' : 'must be a number of seconds');
    return null;
  }
  if (value > lastAt) return value;
  tell('at', value === lastAt ? `${value} stands there twice` : `time goes backwards: ${value} after ${lastAt}`);
  return null;
}

function readCount(value: unknown, side: string, tell: Tell): Count | null {
  if (!isObject(value)) {
    tell(side, value === undefined ? 'is missing' : 'must be an object {"requests": n, "errors": n}');
    return null;
  }
  const requests = readNumber(value['requests'], `${side}.requests`, tell);
  const errors = readNumber(value['errors'], `${side}.errors`, tell);
  if (requests === null || errors === null) return null;
  if (errors > requests) tell(`${side}.errors`, `${errors} errors of ${requests} requests`);
  return { requests, errors };
}

function readNumber(value: unknown, path: string, tell: Tell): number | null {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= traceLimits.requests) return value;
  tell(path, value === undefined ? 'is missing' : `must be a whole number from 0 to ${traceLimits.requests}`);
  return null;
}

function readShare(value: unknown, path: string, tell: Tell): number | null {
  if (value === undefined) return null;
  if (typeof value === 'number' && value >= 0 && value <= 100) return value;
  tell(path, 'must be per cent, from 0 to 100');
  return null;
}

function readSeconds(value: unknown, path: string, tell: Tell): number | null {
  if (value === undefined) return null;
  if (typeof value === 'number' && Math.abs(value) <= atMax) return value;
  tell(path, 'must be a number of seconds');
  return null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
