import type { Alert } from '../../domain/alert.ts';
import type { Alerts } from '../../ports/alerts.ts';
import { fromLine, keptOf, toLine } from './stored-alert.ts';
import { checkName } from './stored-record.ts';

/** The simulator's twin of the alerts. */
export function memoryAlerts({ now }: { readonly now: () => number }): Alerts {
  const byName = new Map<string, readonly Alert[]>();
  return {
    keep: async (name, reports) => {
      checkName(name);
      const stored = reports.map(toLine).flatMap((line) => fromLine(line) ?? []);
      byName.set(name, keptOf([...(byName.get(name) ?? []), ...stored], now()));
    },
    read: async (name) => {
      checkName(name);
      return keptOf(byName.get(name) ?? [], now());
    },
  };
}
