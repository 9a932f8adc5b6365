import { type KubeConfig, type KubernetesObject, Watch } from '@kubernetes/client-node';
import type { SandboxClock } from '../clock.ts';
import { keyOf } from './cloud-annotations.ts';

export interface MirrorOptions<T extends KubernetesObject> {
  readonly config: KubeConfig;
  /** Of the collection, as `/api/v1/services`. */
  readonly path: string;
  readonly list: () => Promise<{
    readonly items: readonly T[];
    readonly metadata?: { readonly resourceVersion?: string };
  }>;
  /** `old` is null for an object that appeared, `now` for one that went. */
  readonly onChange: (old: T | null, now: T | null) => void;
  readonly clock: SandboxClock;
  readonly log: (line: string) => void;
}

/** A local copy of a collection, kept by list and watch, as a controller's informer. */
export interface Mirror<T> {
  get(key: string): T | null;
  all(): readonly T[];
  /** Whether the copy equals what the API server has now. */
  isCurrent(): Promise<boolean>;
  stop(): Promise<void>;
}

/** At most this many objects are kept: a sandbox, not a data centre. */
const objectsMax = 5_000;

/**
 * Lists, then watches from there; when the watch is cut or its version has expired (410), lists again. Resolves after
 * the first list; while the API server is out of reach it tries again, 1 s to 30 s apart.
 *
 * @throws the first list's error
 */
export async function startMirror<T extends KubernetesObject>(options: MirrorOptions<T>): Promise<Mirror<T>> {
  const store = new Map<string, T>();
  const stopping = new AbortController();
  const relist = async (): Promise<string> => {
    const { items, metadata } = await options.list();
    if (items.length > objectsMax)
      throw new Error(`${options.path}: ${items.length} objects, at most ${objectsMax} are mirrored`);
    const seen = new Set(items.map(keyOf));
    for (const key of [...store.keys()]) if (!seen.has(key)) put(store, key, null, options.onChange);
    for (const item of items) put(store, keyOf(item), plain(item), options.onChange);
    return metadata?.resourceVersion ?? '0';
  };
  const first = await relist();
  const loop = keepWatching(options, store, relist, first, stopping.signal);
  return {
    get: (key) => store.get(key) ?? null,
    all: () => [...store.values()],
    isCurrent: async () => {
      const { items } = await options.list();
      return (
        items.length === store.size && items.every((item) => versionOf(item) === versionOf(store.get(keyOf(item))))
      );
    },
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}

async function keepWatching<T extends KubernetesObject>(
  options: MirrorOptions<T>,
  store: Map<string, T>,
  relist: () => Promise<string>,
  first: string,
  signal: AbortSignal,
): Promise<void> {
  let version: string | null = first;
  let failures = 0;
  while (!signal.aborted) {
    try {
      version ??= await relist();
      failures = 0;
      await watchOnce(options, store, version, signal);
    } catch (cause) {
      failures += 1;
      if (!signal.aborted) options.log(`${options.path}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
    version = null;
    await options.clock.sleep(failures === 0 ? 100 : Math.min(30_000, 1_000 * 2 ** Math.min(failures - 1, 5)), signal);
  }
}

/** One watch, until it ends by itself, is cut, or says that its version is too old. */
async function watchOnce<T extends KubernetesObject>(
  options: MirrorOptions<T>,
  store: Map<string, T>,
  version: string,
  signal: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let request: AbortController | null = null;
    const abort = (): void => request?.abort();
    const end = (error: unknown): void => {
      signal.removeEventListener('abort', abort);
      if (error === null || error === undefined || signal.aborted || isAbort(error)) resolve();
      else reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
    };
    const onEvent = (phase: string, object: T): void => {
      // Too old, or broken: the next round lists again.
      if (phase === 'ERROR') abort();
      else if (phase !== 'BOOKMARK')
        put(store, keyOf(object), phase === 'DELETED' ? null : plain(object), options.onChange);
    };
    new Watch(options.config)
      .watch(options.path, { resourceVersion: version, allowWatchBookmarks: true }, onEvent, end)
      .then((controller) => {
        request = controller;
        if (signal.aborted) abort();
        else signal.addEventListener('abort', abort);
      }, end);
  });
}

function put<T extends KubernetesObject>(
  store: Map<string, T>,
  key: string,
  now: T | null,
  onChange: (old: T | null, now: T | null) => void,
): void {
  const old = store.get(key) ?? null;
  if (old === null && now === null) return;
  if (old !== null && now !== null && versionOf(old) === versionOf(now)) return;
  if (now === null) store.delete(key);
  else store.set(key, now);
  onChange(old, now);
}

/** A list gives typed objects and a watch gives JSON; compared with each other they must look alike. */
function plain<T>(object: T): T {
  return JSON.parse(JSON.stringify(object)) as T;
}

function versionOf(object: KubernetesObject | undefined): string {
  return object?.metadata?.resourceVersion ?? '';
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error === Watch.SERVER_SIDE_CLOSE);
}
