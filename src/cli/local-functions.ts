import { sandboxClock } from '../sandbox/clock.ts';
import { builtFunctions, findBuild } from '../sandbox/deployment.ts';
import { Faults } from '../sandbox/faults.ts';
import { type FunctionCompute, startFunctionCompute } from '../sandbox/function-compute/function-compute.ts';
import { seededRandom } from '../sandbox/random.ts';

const accountId = 'local';
const realTime = 1;

/**
 * The built functions in this process, behind a Function Compute that is the sandbox's without its faults: the same
 * doors, timers and asynchronous invocations as in the cloud, so that nothing of the product knows where it runs.
 */
export function startLocalFunctions(
  environment: Readonly<Record<string, string | undefined>>,
  port: number,
): Promise<FunctionCompute> {
  const clock = sandboxClock(realTime);
  const random = seededRandom(Date.now());
  Object.assign(process.env, environment);
  return startFunctionCompute({
    functions: builtFunctions(findBuild()),
    environment: ({ endpoint, urls }) => ({
      SLUICE_INVOKER: JSON.stringify({ endpoint, accountId, function: 'step' }),
      ...(environment['SLUICE_PUBLIC_URL'] === undefined ? { SLUICE_PUBLIC_URL: urls['api'] ?? '' } : {}),
    }),
    account: {
      accountId,
      region: 'local',
      credentials: {
        accessKeyId: environment['ALIBABA_CLOUD_ACCESS_KEY_ID'] ?? 'local',
        accessKeySecret: environment['ALIBABA_CLOUD_ACCESS_KEY_SECRET'] ?? 'local',
      },
    },
    clock,
    random,
    faults: new Faults(random, clock.now),
    instances: { kind: 'inline' },
    ports: { api: port },
    onTrouble: (line) => console.error(line),
  });
}
