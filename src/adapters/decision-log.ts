import { jsonLine } from '../domain/plain-text.ts';
import type { MigrationStore } from '../ports/migration-store.ts';

/** A store that writes one JSON line for each line of history it commits: decisions are logged, calls are not. */
export function withDecisionLog(store: MigrationStore, write: (line: string) => void): MigrationStore {
  return {
    ...store,
    commit: async (next, expectedRevision, history) => {
      const isCommitted = await store.commit(next, expectedRevision, history);
      if (isCommitted) {
        for (const { kind, text, actor, atMs } of history) {
          const at = new Date(atMs).toISOString();
          write(
            jsonLine({
              at,
              migration: next.name,
              run: next.run,
              revision: next.revision,
              state: next.state,
              kind,
              text,
              actor,
            }),
          );
        }
      }
      return isCommitted;
    },
  };
}
