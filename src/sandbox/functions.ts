import type { Base } from './base.ts';
import { type Chat, startChat } from './chat/chat.ts';
import type { Clusters } from './clusters.ts';
import { type Build, builtFunctions } from './deployment.ts';
import { type ChatSecrets, functionEnvironment, type Tokens } from './environment.ts';
import { type FunctionCompute, startFunctionCompute } from './function-compute/function-compute.ts';
import type { Account } from './function-compute/instance-context.ts';
import { startReporter } from './reporter.ts';
import { gateways as gatewayNames, regionId } from './starting-objects.ts';
import type { Gateways } from './traffic.ts';

/** Starts chat with a DingTalk robot and a webhook that check these secrets. */
export async function startChatOf(base: Base, secrets: ChatSecrets): Promise<Chat> {
  const { clock, faults, closing } = base;
  const chat = await startChat({
    clock,
    faults,
    dingtalk: { accessToken: secrets.accessToken, secret: secrets.dingtalkSecret },
    webhook: { secret: secrets.webhookSecret },
  });
  return closing.add('chat', chat, (one) => one.stop());
}

export interface FunctionParts {
  readonly build: Build;
  readonly account: Account;
  readonly tokens: Tokens;
  readonly clusters: Clusters;
  readonly clbEndpoint: string;
  readonly chat: ChatSecrets & { readonly url: string };
}

/** Starts Function Compute with the functions that were built. */
export async function startFunctions(base: Base, parts: FunctionParts): Promise<FunctionCompute> {
  const { options, clock, faults, closing, workspace, redisUrl, progress } = base;
  const { account, clusters } = parts;
  const started = await startFunctionCompute({
    functions: builtFunctions(parts.build),
    environment: (doors) =>
      functionEnvironment({
        doors,
        accountId: account.accountId,
        regionId,
        clock,
        clusters: Object.fromEntries(
          Object.entries(clusters.ack).map(([name, { id, file }]) => [name, { id, kubeconfig: file }]),
        ),
        meshKubeconfig: clusters.asm.file,
        backendType: options.mode === 'eni' ? 'eni' : 'ecs',
        clbEndpoint: parts.clbEndpoint,
        chat: parts.chat,
        tokens: parts.tokens,
        store: redisUrl === null ? { dataFolder: workspace.data } : { redisUrl },
      }),
    account,
    clock,
    faults,
    random: base.random(6),
    instances: { kind: 'process', program: parts.build.instanceProgram },
    onTrouble: (line) => progress(`function ${line}`),
  });
  return closing.add('Function Compute', started, (one) => one.stop());
}

/** Starts the agent that pushes what the gateways count, where there is an API to push to. */
export function reportCounters(base: Base, url: string | null, gateways: Gateways, tokens: Tokens): void {
  if (url === null) {
    base.progress('the function "api" is not built: nothing is reported and no migration can run');
    return;
  }
  const counted = (side: 'source' | 'target') => ({
    instance: gatewayNames[side].deployment,
    counters: () => gateways.of[side].counters().sinceStart,
  });
  const reporter = startReporter({
    url,
    token: tokens.reporter,
    clock: base.clock,
    gateways: { source: counted('source'), target: counted('target') },
    log: (line) => base.progress(`reporter: ${line}`),
  });
  base.closing.add('the reporter', reporter, (one) => one.stop());
}
