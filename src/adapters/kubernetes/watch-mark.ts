import type { Annotations } from '../../domain/annotations.ts';
import type { WatchMark } from '../../ports/kept-baselines.ts';

/** The watchdog's notes, as annotations of the ConfigMap that keeps a baseline. */
const keys = {
  lostSince: 'sluice.dev/store-lost-since',
  fence: 'sluice.dev/rescue-fence',
  watch: 'sluice.dev/watchdog',
} as const;
const resting = 'resting';

type MarkPatch = Readonly<Record<string, string | null>>;

/** As a merge patch: null takes an annotation away. */
export function markPatch({ storeLostSinceMs, fence, isResting }: WatchMark): MarkPatch {
  return {
    [keys.lostSince]: storeLostSinceMs === null ? null : new Date(storeLostSinceMs).toISOString(),
    [keys.fence]: fence === null ? null : String(fence),
    [keys.watch]: isResting ? resting : null,
  };
}

export const withoutMarks: MarkPatch = markPatch({ storeLostSinceMs: null, fence: null, isResting: false });

/** What is no time or no number is read as absent: then the watchdog begins to count anew, and never acts too early. */
export function markIn(annotations: Annotations): WatchMark {
  const sinceMs = Date.parse(annotations[keys.lostSince] ?? '');
  const fence = annotations[keys.fence] ?? '';
  return {
    storeLostSinceMs: Number.isNaN(sinceMs) ? null : sinceMs,
    fence: /^\d{1,15}$/.test(fence) ? Number(fence) : null,
    isResting: annotations[keys.watch] === resting,
  };
}
