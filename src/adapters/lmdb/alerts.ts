import type { Alerts } from '../../ports/alerts.ts';
import { InvalidInputError } from '../../ports/errors.ts';
import { realTime, scaledMs } from '../memory/clock-scale.ts';
import { fromLine, keptOf, toLine } from '../memory/stored-alert.ts';
import { checkName } from '../memory/stored-record.ts';
import { lmdbFolder } from './environment.ts';
import type { LmdbOptions } from './store.ts';

/** Reports of alerts in the store's folder. Closing is the user's: the folder is shared with the store. */
export interface LmdbAlerts extends Alerts {
  close(): Promise<void>;
}

/** Reports may come before there is a migration, so nothing else limits the names. */
const namesMax = 1_000;

/** The same options as the store's. */
export function lmdbAlerts(folder: string, options: LmdbOptions = {}): LmdbAlerts {
  const store = lmdbFolder(folder);
  const nowMs = () => scaledMs(Date.now(), options.clockScale ?? realTime);
  const readable = (lines: readonly string[] | undefined) =>
    keptOf(
      (lines ?? []).flatMap((line) => fromLine(line) ?? []),
      nowMs(),
    );
  return {
    keep: async (name, reports) => {
      checkName(name);
      await store.use(`alerts of "${name}"`, ({ root, alerts }) =>
        root.transactionSync(() => {
          if (alerts.get(name) === undefined && alerts.getKeysCount() >= namesMax) {
            for (const key of [...alerts.getKeys()]) if (readable(alerts.get(key)).length === 0) alerts.removeSync(key);
            if (alerts.getKeysCount() >= namesMax) {
              throw new InvalidInputError([{ path: 'name', message: `${namesMax} other names have alerts already` }]);
            }
          }
          const kept = keptOf([...readable(alerts.get(name)), ...reports], nowMs());
          alerts.putSync(name, kept.map(toLine));
        }),
      );
    },
    read: async (name) => {
      checkName(name);
      return store.use(`alerts of "${name}"`, ({ alerts }) => readable(alerts.get(name)));
    },
    close: () => store.close(),
  };
}
