/** What a listener of a load balancer answered to a request at its own address, as clients send it. */
export interface EntryAnswer {
  readonly loadBalancer: string;
  readonly port: number;
  /** Null where it could not be asked from here. */
  readonly isOk: boolean | null;
  readonly detail: string;
  readonly askedAtMs: number;
}

/** An entry that did not answer well is asked again after so long; one that did has answered for the share under way. */
const againMs = 60_000;

/** Whether to ask: once for each verified share, and again while an answer is no good. */
export function areEntriesDue(
  entries: readonly EntryAnswer[],
  { verifiedAtMs, atMs }: { readonly verifiedAtMs: number; readonly atMs: number },
): boolean {
  const newest = Math.max(...entries.map(({ askedAtMs }) => askedAtMs));
  if (entries.length === 0 || newest < verifiedAtMs) return true;
  return entries.some(({ isOk }) => isOk === false) && atMs - newest >= againMs;
}

/** One line for each entry, in words. */
export function entryLines(entries: readonly EntryAnswer[]): readonly string[] {
  return entries.map(({ loadBalancer, port, isOk, detail }) => {
    const says = isOk === null ? 'was not asked' : isOk ? 'answers' : 'does not answer as it should';
    return `${loadBalancer}:${port} ${says}: ${detail}`;
  });
}
