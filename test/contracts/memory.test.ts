import { describe } from 'vitest';
import { memoryAlerts } from '../../src/adapters/memory/alerts.ts';
import { memorySignals } from '../../src/adapters/memory/signals.ts';
import { memoryContents, memoryStore } from '../../src/adapters/memory/store.ts';
import { alertsContract } from './alerts.contract.ts';
import { signalsContract } from './signals.contract.ts';
import { storeContract } from './store.contract.ts';

describe('the memory store', () =>
  storeContract(async () => {
    const contents = memoryContents();
    return {
      open: () => memoryStore({ now: () => Date.now(), contents }),
      plant: async (name, revision, text) => {
        contents.migrations.set(name, { revision, text, dueAtMs: null, history: [] });
      },
      stored: async (name) => contents.migrations.get(name)?.text ?? null,
      stop: async () => {},
    };
  }));

describe('signals in memory', () =>
  signalsContract(async () => ({
    signals: memorySignals({ now: () => Date.now() }),
    now: () => Date.now(),
    stop: async () => {},
  })));

describe('alerts in memory', () =>
  alertsContract(async () => ({ alerts: memoryAlerts({ now: () => Date.now() }), stop: async () => {} })));
