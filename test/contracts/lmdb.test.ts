import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { lmdbAlerts } from '../../src/adapters/lmdb/alerts.ts';
import { lmdbFolder } from '../../src/adapters/lmdb/environment.ts';
import { lmdbSignals } from '../../src/adapters/lmdb/signals.ts';
import { lmdbStore } from '../../src/adapters/lmdb/store.ts';
import { alertsContract } from './alerts.contract.ts';
import { signalsContract } from './signals.contract.ts';
import { storeContract } from './store.contract.ts';

const newFolder = () => mkdtemp(join(tmpdir(), 'sluice-lmdb-'));

describe('the LMDB store', () =>
  storeContract(async () => {
    const folder = await newFolder();
    const foreign = lmdbFolder(folder);
    return {
      open: () => lmdbStore(folder),
      plant: async (name, revision, text) => {
        await foreign.use('plant', ({ root, heads, records }) =>
          root.transactionSync(() => {
            heads.putSync(name, { revision, dueAtMs: null });
            records.putSync(name, text);
          }),
        );
      },
      stored: (name) => foreign.use('look', ({ records }) => records.get(name) ?? null),
      stop: async () => {
        await foreign.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  }));

describe('signals in LMDB', () =>
  signalsContract(async () => {
    const folder = await newFolder();
    const signals = lmdbSignals(folder);
    return {
      signals,
      now: () => Date.now(),
      stop: async () => {
        await signals.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  }));

describe('alerts in LMDB', () =>
  alertsContract(async () => {
    const folder = await newFolder();
    const alerts = lmdbAlerts(folder);
    return {
      alerts,
      stop: async () => {
        await alerts.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  }));
