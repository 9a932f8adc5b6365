import type * as v from 'valibot';
import type { PersonCommand, PersonVerb } from '../domain/person-command.ts';
import { sendCommand } from '../engine/command.ts';
import type { Ports } from '../ports/ports.ts';
import { type ApiResponse, json } from './http.ts';
import { goOn } from './invoke.ts';
import type { Call, Operation } from './operation.ts';
import { loadView } from './reading.ts';
import { readJsonBody } from './request-body.ts';
import {
  actorOf,
  compareActor,
  keyLastsMs,
  keyReused,
  oneAtATime,
  type RequestKey,
  requestKeyOf,
} from './request-key.ts';
import { approveSchema, goBackSchema, noBodySchema, promoteSchema } from './schemas.ts';
import { viewSchema } from './view-schema.ts';

const historyMax = 500;

interface Asked {
  readonly command: PersonCommand;
  readonly reason?: string | undefined;
}

function verb<Schema extends v.GenericSchema>(
  name: PersonVerb,
  summary: string,
  schema: Schema,
  read: (body: v.InferOutput<Schema>) => Asked,
): Operation {
  return {
    id: `${name}Migration`,
    method: 'POST',
    path: `/v1/migrations/{name}/${name}`,
    summary,
    access: 'operate',
    query: [],
    body: { kind: 'json', schema, isRequired: false },
    answer: { status: 200, description: 'Accepted; as it is now', type: 'application/json', schema: viewSchema },
    refusals: [400, 404, 409, 413, 415, 422],
    carryOut: (call) => send(call, read(readJsonBody(call.request, schema))),
  };
}

export const commanding: readonly Operation[] = [
  verb('pause', 'Keeps the share and judges nothing until it is resumed', noBodySchema, () => ({
    command: { type: 'pause' },
  })),
  verb('resume', 'Goes on after a pause', noBodySchema, () => ({ command: { type: 'resume' } })),
  verb('promote', 'Skips what is left of this step, or of all steps', promoteSchema, ({ all }) => ({
    command: { type: 'promote', all },
  })),
  verb('approve', 'Approves a gate; in the state stuck, accepts things as they are', approveSchema, ({ gate }) => ({
    command: { type: 'approve', gate },
  })),
  verb('abort', 'Stops and puts the baseline back', goBackSchema, ({ force, reason }) => ({
    command: { type: 'abort', isForced: force },
    reason,
  })),
  verb('rollback', 'Undoes a completed migration: puts the baseline back', goBackSchema, ({ force, reason }) => ({
    command: { type: 'rollback', isForced: force },
    reason,
  })),
  verb('retry', 'Tries a stuck rollback again, now', noBodySchema, () => ({ command: { type: 'retry' } })),
];

async function send(call: Call, { command, reason }: Asked): Promise<ApiResponse> {
  const { ports, newId } = call.dependencies;
  const key = requestKeyOf(call.request, call.caller);
  const actor = actorOf(reason === undefined ? call.caller : `${call.caller}: ${reason}`, key);
  const isNew = await oneAtATime(ports, key, newId, async () => {
    if (key !== null && (await wasSent(ports, call.name, key))) return false;
    await goOn(ports, await sendCommand(ports, call.name, command, actor));
    return true;
  });
  const view = await loadView(ports, call.name);
  return json(200, view, isNew ? {} : { 'idempotency-replayed': 'true' });
}

/** @throws RequestRefused 422 where the key was used for another command */
async function wasSent(ports: Ports, name: string, key: RequestKey): Promise<boolean> {
  const nowMs = await ports.store.now();
  const entries = await ports.store.history(name, historyMax);
  const matches = entries
    .filter(({ kind, atMs }) => kind === 'command' && nowMs - atMs <= keyLastsMs)
    .map(({ actor }) => compareActor(actor, key));
  if (matches.includes('other')) throw keyReused();
  return matches.includes('same');
}
