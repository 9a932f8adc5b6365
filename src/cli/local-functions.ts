import { setTimeout as wait } from 'node:timers/promises';
import { sandboxClock } from '../sandbox/clock.ts';
import { builtFunctions, findBuild } from '../sandbox/deployment.ts';
import { Faults } from '../sandbox/faults.ts';
import { type FunctionCompute, startFunctionCompute } from '../sandbox/function-compute/function-compute.ts';
import type { FunctionConfig } from '../sandbox/function-compute/function-spec.ts';
import type { FunctionHost } from '../sandbox/function-compute/host.ts';
import { seededRandom } from '../sandbox/random.ts';

const accountId = 'local';
const realTime = 1;
/** Between the end of one tick and the begin of the next: so long, at most, due work waits here. */
const tickEveryMs = 1_000;
/** After a tick that failed, such as where Redis is away. */
const tickAgainMs = 5_000;

/**
 * The built functions in this process, behind a Function Compute that is the sandbox's without its faults: the same
 * doors and asynchronous invocations as in the cloud, so that nothing of the product knows where it runs. Only the tick
 * is not on its timer: one follows the other, so that a start after a crash goes on at once and not within a minute.
 */
export async function startLocalFunctions(
  environment: Readonly<Record<string, string | undefined>>,
  port: number,
): Promise<FunctionCompute> {
  const clock = sandboxClock(realTime);
  const random = seededRandom(Date.now());
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) process.env[name] = value;
  const functions = await startFunctionCompute({
    functions: withoutTimer(builtFunctions(findBuild()), 'tick'),
    environment: ({ endpoint, urls }) => ({
      SLUICE_INVOKER: JSON.stringify({ endpoint, accountId, function: 'step' }),
      SLUICE_PUBLIC_URL: environment['SLUICE_PUBLIC_URL'] ?? urls['api'] ?? '',
    }),
    account: { accountId, region: 'local', credentials: credentialsIn(environment) },
    clock,
    random,
    faults: new Faults(random, clock.now),
    instances: { kind: 'inline' },
    ports: { api: port },
    onTrouble: (line) => console.error(line),
  });
  const stopping = new AbortController();
  const ticking = tickAlways(functions.host, stopping.signal);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await functions.stop();
    await ticking;
  };
  return { ...functions, stop };
}

function withoutTimer(
  functions: Readonly<Record<string, FunctionConfig>>,
  name: string,
): Readonly<Record<string, FunctionConfig>> {
  const { trigger: _, ...rest } = functions[name] as FunctionConfig;
  return { ...functions, [name]: rest };
}

async function tickAlways(host: FunctionHost, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const triggerTime = new Date().toISOString();
    const event = Buffer.from(JSON.stringify({ triggerTime, triggerName: 'serve', payload: '' }));
    // Never rejects; what failed has been told by the host.
    const ticked = await host.invokeSync('tick', event);
    const isGood = 'outcome' in ticked && ticked.outcome.kind === 'ok';
    await wait(isGood ? tickEveryMs : tickAgainMs, undefined, { signal }).catch(() => undefined);
  }
}

function credentialsIn(environment: Readonly<Record<string, string | undefined>>) {
  const securityToken = environment['ALIBABA_CLOUD_SECURITY_TOKEN'];
  return {
    accessKeyId: environment['ALIBABA_CLOUD_ACCESS_KEY_ID'] ?? '',
    accessKeySecret: environment['ALIBABA_CLOUD_ACCESS_KEY_SECRET'] ?? '',
    ...(securityToken === undefined ? {} : { securityToken }),
  };
}
