import type { KubernetesClient } from '../adapters/kubernetes/clients.ts';
import { fieldManager } from '../adapters/kubernetes/fence.ts';
import { placeOfObject } from '../domain/mesh-object.ts';
import { ConflictError, messageOf, TerminalError, TransientError } from '../ports/errors.ts';
import { namespaceOf, type WantedConfig, type WantedObject } from './config-target.ts';
import { type ExitCode, exitCodes, type Output } from './run.ts';
import { table } from './show.ts';

type Outcome = 'created' | 'was there' | 'differs' | 'not created' | 'not tried';

interface Row {
  readonly object: string;
  readonly outcome: Outcome;
  readonly detail: string;
}

interface Work {
  readonly object: string;
  run(): Promise<Omit<Row, 'object'>>;
}

/**
 * Creates what the mesh has not, and writes nothing that is there. After a failure the rest is not tried, because it may
 * build on what failed; the same command goes on.
 */
export async function applyConfig(client: KubernetesClient, wanted: WantedConfig, output: Output): Promise<ExitCode> {
  const rows: Row[] = [];
  for (const { object, run } of worksOf(client, wanted)) {
    const isStopped = rows.some(({ outcome }) => outcome === 'not created');
    const row = isStopped ? { outcome: 'not tried' as const, detail: '' } : await run();
    rows.push({ object, ...row });
  }
  const needed = wanted.leftOut.filter(({ isNeeded }) => isNeeded);
  const isDone = needed.length === 0 && rows.every(({ outcome }) => outcome === 'created' || outcome === 'was there');
  if (output === 'json') {
    console.log(JSON.stringify({ isDone, objects: rows, leftOut: wanted.leftOut, notes: wanted.notes }));
  } else if (rows.length > 0) {
    console.log(table(rows.map(({ outcome, object, detail }) => [outcome, object, detail])));
  }
  for (const line of howToGoOn(rows, needed.length)) console.error(line);
  return isDone ? exitCodes.done : exitCodes.no;
}

function worksOf(client: KubernetesClient, { namespaces, objects }: WantedConfig): readonly Work[] {
  return [
    ...namespaces.map((name) => ({
      object: `Namespace ${name}`,
      run: () => ensure(() => createNamespace(client, name)),
    })),
    ...objects.map((one) => ({
      object: placeOfObject(one.object),
      run: async (): Promise<Omit<Row, 'object'>> => {
        if (!one.isThere) return ensure(() => createObject(client, one));
        const count = one.differences.length;
        return count === 0
          ? { outcome: 'was there', detail: '' }
          : { outcome: 'differs', detail: `in ${count} place${count === 1 ? '' : 's'}; left alone` };
      },
    })),
  ];
}

async function ensure(create: () => Promise<void>): Promise<Omit<Row, 'object'>> {
  try {
    await create();
    return { outcome: 'created', detail: '' };
  } catch (error) {
    if (error instanceof ConflictError) return { outcome: 'not created', detail: 'somebody else has just created it' };
    if (!(error instanceof TransientError || error instanceof TerminalError)) throw error;
    return { outcome: 'not created', detail: messageOf(error) };
  }
}

async function createNamespace(client: KubernetesClient, name: string): Promise<void> {
  const body = namespaceOf(name);
  await client.ask({ verb: 'create', resource: 'namespaces', namespace: null, name }, ({ core }) =>
    core.createNamespace({ body, fieldManager }),
  );
}

async function createObject(client: KubernetesClient, { object: body, resource }: WantedObject): Promise<void> {
  const { namespace, name } = body.metadata;
  await client.ask({ verb: 'create', resource: resource.plural, namespace, name }, ({ custom }) =>
    custom.createNamespacedCustomObject({ ...resource, namespace, body, fieldManager }),
  );
}

function howToGoOn(rows: readonly Row[], needed: number): readonly string[] {
  const has = (outcome: Outcome) => rows.some((row) => row.outcome === outcome);
  return [
    ...(has('not created') ? ['Not done. What was created stays; run the same command again to go on.'] : []),
    ...(has('differs')
      ? ['What is there and differs is not written over: decide by hand which of the two is right.']
      : []),
    ...(needed > 0
      ? ['What is needed above is missing still: the target does not serve all that the source serves.']
      : []),
  ];
}
