import type { SandboxClock } from '../clock.ts';
import { ApiError, statusBody } from './api-error.ts';
import type { Exchange } from './exchange.ts';
import type { JsonObject } from './json.ts';
import type { ClusterModel, WatchEvent, WatchOptions } from './model.ts';
import { type Rendering, renderingFor } from './rendering.ts';
import { apiVersionOf } from './resource-types.ts';
import type { Target } from './routing.ts';

/** What a client may leave unread before its watch is cut; it then starts again from where it was. */
const unreadBytesMax = 16 * 1024 * 1024;
const bookmarkEveryMs = 60_000;
/** Longest watch, in wall time: a person's `kubectl get -w` must not end earlier because the sandbox's clock is fast. */
const watchWallMsMax = 3_600_000;
const sandboxTimeoutMsMax = 24 * 3_600_000;

/**
 * Answers with one JSON line for each change until the client goes, the time asked for is over, or the server stops.
 * What is too old to watch is told as an ERROR event, as the API server does once the answer has begun.
 */
export async function streamWatch(
  exchange: Exchange,
  model: ClusterModel,
  target: Target,
  options: WatchOptions,
  clock: SandboxClock,
): Promise<void> {
  const { response, url, signal } = exchange;
  const rendering = renderingFor(exchange, target, () => clock.now());
  const write = (line: JsonObject) => {
    if (response.writableEnded || response.destroyed) return;
    response.write(`${JSON.stringify(line)}\n`);
    if (response.writableLength > unreadBytesMax) response.destroy();
  };
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  const stop = begin(model, target, options, rendering, write);
  if (stop === null) {
    response.end();
    return;
  }
  const bookmark = (isInitial: boolean) => write(bookmarkOf(target, model.resourceVersion, isInitial));
  if (url.searchParams.get('sendInitialEvents') === 'true') bookmark(true);
  try {
    await lasting(clock, signal, timeoutMs(url, clock), url.searchParams.get('allowWatchBookmarks') === 'true', () =>
      bookmark(false),
    );
  } finally {
    stop();
    response.end();
  }
}

/** Starts the watch, or says why not and gives null. */
function begin(
  model: ClusterModel,
  target: Target,
  options: WatchOptions,
  rendering: Rendering,
  write: (line: JsonObject) => void,
): (() => void) | null {
  let isFirst = true;
  const tell = ({ type, object }: WatchEvent) => {
    write({ type, object: rendering.event(object, isFirst) });
    isFirst = false;
  };
  try {
    return model.watch(target.plural, options, tell);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    write({ type: 'ERROR', object: statusBody(error) });
    return null;
  }
}

async function lasting(
  clock: SandboxClock,
  signal: AbortSignal,
  forMs: number,
  hasBookmarks: boolean,
  bookmark: () => void,
): Promise<void> {
  const until = clock.now() + forMs;
  while (!signal.aborted && clock.now() < until) {
    const leftMs = until - clock.now();
    const isForBookmark = hasBookmarks && leftMs > bookmarkEveryMs;
    await clock.sleep(isForBookmark ? bookmarkEveryMs : leftMs, signal);
    // Not by the clock: a timer may fire a little early, and the end of a watch is no time for a bookmark.
    if (isForBookmark && !signal.aborted) bookmark();
  }
}

function timeoutMs(url: URL, clock: SandboxClock): number {
  const asked = Number(url.searchParams.get('timeoutSeconds') ?? '0') * 1_000;
  return asked > 0 ? Math.min(asked, sandboxTimeoutMsMax) : watchWallMsMax * clock.speed;
}

function bookmarkOf({ type, version }: Target, resourceVersion: string, isInitial: boolean): JsonObject {
  const annotations = isInitial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  const metadata = { resourceVersion, creationTimestamp: null, ...annotations };
  return { type: 'BOOKMARK', object: { kind: type.kind, apiVersion: apiVersionOf(type, version), metadata } };
}
