import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import type { SandboxClock } from './clock.ts';

const everyMs = 50;
const answerWithinMs = 2000;

/**
 * Waits until each URL answers 200 to a plain GET: load balancers send nothing to backends they have not checked yet.
 *
 * @throws Error naming the URLs that do not answer within `withinMs` of wall time
 */
export async function awaitEntries(
  urls: readonly string[],
  withinMs: number,
  clock: SandboxClock,
  signal: AbortSignal,
): Promise<void> {
  const endMs = Date.now() + withinMs;
  let waiting = urls;
  while (waiting.length > 0 && !signal.aborted) {
    const statuses = await Promise.all(waiting.map(statusOf));
    waiting = waiting.filter((_, at) => statuses[at] !== 200);
    if (waiting.length === 0) return;
    if (Date.now() > endMs) throw new Error(`no answer from ${waiting.join(', ')} within ${withinMs} ms`);
    await clock.sleep(everyMs * clock.speed, signal);
  }
}

/** The status of a GET, or null where there is no answer. The entries' certificates are self-signed. */
function statusOf(url: string): Promise<number | null> {
  return new Promise((resolve) => {
    const options = { headers: { host: 'shop.example.com', connection: 'close' }, timeout: answerWithinMs };
    const request = url.startsWith('https:')
      ? requestSecure(url, { ...options, rejectUnauthorized: false })
      : requestPlain(url, options);
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? null);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(null));
    request.on('close', () => resolve(null));
    request.end();
  });
}
