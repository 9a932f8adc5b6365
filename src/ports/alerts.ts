import type { Alert } from '../domain/alert.ts';

/** Reports of alerts about migrations. What they mean together is said by the domain. */
export interface Alerts {
  /** Keeps reports under the name of a migration, also before there is one; the newest 500, each for two days. */
  keep(name: string, reports: readonly Alert[]): Promise<void>;
  /** What is kept, in no order. */
  read(name: string): Promise<readonly Alert[]>;
}
