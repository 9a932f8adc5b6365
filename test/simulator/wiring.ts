import { advance } from '../../src/engine/advance.ts';
import { sendCommand } from '../../src/engine/command.ts';
import { rehearsalOf } from '../../src/engine/rehearse.ts';
import { rescue } from '../../src/engine/rescue.ts';
import { startMigration } from '../../src/engine/start.ts';
import { tick } from '../../src/engine/tick.ts';
import { watchOver } from '../../src/engine/watchdog.ts';

/** What a run is made of: the production functions, and the guard that the Kubernetes adapter has. */
export const production = {
  advance,
  tick,
  watchOver,
  sendCommand,
  startMigration,
  rehearsalOf,
  rescue,
  isFenceChecked: true,
} as const;

export type Wiring = Omit<typeof production, 'isFenceChecked'> & { readonly isFenceChecked: boolean };
