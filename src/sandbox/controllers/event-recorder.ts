import type { CoreV1Api, CoreV1Event, V1Service } from '@kubernetes/client-node';
import { ApiException, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import type { SandboxClock } from '../clock.ts';
import type { ServiceEvent } from './reconcile-context.ts';

/** Writes Events as client-go does: equal ones are counted up, and one object may not flood (reference A10). */
export interface EventRecorder {
  record(service: V1Service, event: ServiceEvent): void;
  /** Resolves when all that was recorded is written, or was given up. */
  settled(): Promise<void>;
}

const component = 'service-controller';
/** client-go's defaults: 25 events an object at once, then one every 5 minutes; what is above is lost. */
const burst = 25;
const refillMs = 300_000;
const queueMax = 1_000;
const countedMax = 4_096;
/** The API server refuses a longer one. */
const messageMax = 1_024;

interface Counted {
  readonly name: string;
  readonly count: number;
}

export function eventRecorder(api: CoreV1Api, clock: SandboxClock, log: (line: string) => void): EventRecorder {
  const counted = new Map<string, Counted>();
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  let queued = 0;
  let written: Promise<void> = Promise.resolve();

  const mayWrite = (object: string): boolean => {
    const now = clock.now();
    const before = buckets.get(object) ?? { tokens: burst, atMs: now };
    const tokens = Math.min(burst, before.tokens + (now - before.atMs) / refillMs);
    buckets.set(object, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: now });
    return tokens >= 1;
  };

  const write = async (service: V1Service, event: ServiceEvent): Promise<void> => {
    const namespace = service.metadata?.namespace ?? 'default';
    const identity = JSON.stringify([namespace, service.metadata?.name, service.metadata?.uid, event]);
    const at = new Date(clock.now());
    const known = counted.get(identity);
    if (known !== undefined && (await countUp(api, namespace, known, at))) {
      counted.set(identity, { ...known, count: known.count + 1 });
      return;
    }
    const name = `${service.metadata?.name}.${nextStamp(at.getTime())}`;
    if (counted.size >= countedMax) counted.clear();
    await api.createNamespacedEvent({
      namespace,
      fieldManager: component,
      body: eventOf(service, event, name, namespace, at),
    });
    counted.set(identity, { name, count: 1 });
  };

  // Names end in nanoseconds, as client-go's; two events of one millisecond must not meet.
  let lastStamp = 0n;
  const nextStamp = (ms: number): string => {
    const stamp = BigInt(ms) * 1_000_000n;
    lastStamp = stamp > lastStamp ? stamp : lastStamp + 1n;
    return lastStamp.toString(16);
  };

  return {
    record: (service, event) => {
      const object = `${service.metadata?.namespace}/${service.metadata?.name}`;
      if (!mayWrite(object) || queued >= queueMax) return;
      queued += 1;
      written = written
        .then(() => write(service, event))
        .catch((cause: unknown) =>
          log(`event ${event.reason} of ${object} lost: ${cause instanceof Error ? cause.message : String(cause)}`),
        )
        .finally(() => {
          queued -= 1;
        });
    },
    settled: async () => {
      while (queued > 0) await written;
    },
  };
}

/** False where somebody deleted the Event: then it starts again with 1, as client-go does. */
async function countUp(api: CoreV1Api, namespace: string, known: Counted, at: Date): Promise<boolean> {
  const body = { count: known.count + 1, lastTimestamp: at };
  try {
    await api.patchNamespacedEvent(
      { name: known.name, namespace, body, fieldManager: component },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    return true;
  } catch (cause) {
    if (cause instanceof ApiException && cause.code === 404) return false;
    throw cause;
  }
}

function eventOf(service: V1Service, event: ServiceEvent, name: string, namespace: string, at: Date): CoreV1Event {
  const { metadata } = service;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace },
    involvedObject: {
      apiVersion: 'v1',
      kind: 'Service',
      namespace,
      ...(metadata?.name === undefined ? {} : { name: metadata.name }),
      ...(metadata?.uid === undefined ? {} : { uid: metadata.uid }),
      ...(metadata?.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
    },
    reason: event.reason,
    message: event.message.slice(0, messageMax),
    type: event.type,
    source: { component },
    reportingComponent: component,
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
}
