import type { Command } from 'commander';
import { type ClbClient, clbClient } from '../adapters/clb/clb-client.ts';
import { clbLoadBalancer } from '../adapters/clb/load-balancer.ts';
import { systemClock } from '../adapters/system-clock.ts';
import type { LoadBalancer } from '../ports/load-balancer.ts';
import type { Kubeconfigs } from './kubeconfigs.ts';
import { WrongUseError } from './run.ts';

/** Options of the commands that can ask the CLB themselves. */
export interface ClbOptions {
  readonly clbRegion?: string;
  readonly clbEndpoint?: string;
  readonly clbProtocol: string;
}

/** `does`: what the command then does at the CLB, as its help says it. */
export function withClb(command: Command, does: string): Command {
  return command
    .option('--clb-region <region>', `${does} at the CLB of this region, with ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET`)
    .option('--clb-endpoint <host:port>', 'endpoint of the CLB OpenAPI, in place of the region’s own')
    .option('--clb-protocol <protocol>', 'https or http', 'https');
}

/** Null where no keys were given: then nothing can be verified at the CLB. */
export function clbFor(kubeconfigs: Kubeconfigs, options: ClbOptions): LoadBalancer | null {
  const client = clbClientFor(kubeconfigs, options);
  return client === null ? null : clbLoadBalancer(client);
}

/** The same as the OpenAPI has it. */
export function clbClientFor({ clb }: Kubeconfigs, options: ClbOptions): ClbClient | null {
  const clock = systemClock();
  if (clb !== null) {
    const { endpoint, regionId: region, ...credentials } = clb;
    return clbClient({ region, endpoint, protocol: 'http', clock, credentials: () => credentials });
  }
  const { clbRegion: region, clbEndpoint: endpoint, clbProtocol: protocol } = options;
  if (region === undefined) return null;
  if (protocol !== 'https' && protocol !== 'http') throw new WrongUseError('--clb-protocol is https or http');
  const accessKeyId = process.env['ALIBABA_CLOUD_ACCESS_KEY_ID'] ?? '';
  const accessKeySecret = process.env['ALIBABA_CLOUD_ACCESS_KEY_SECRET'] ?? '';
  const securityToken = process.env['ALIBABA_CLOUD_SECURITY_TOKEN'];
  if (accessKeyId === '' || accessKeySecret === '') {
    throw new WrongUseError(
      'set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or leave out --clb-region',
    );
  }
  const credentials = { accessKeyId, accessKeySecret, ...(securityToken === undefined ? {} : { securityToken }) };
  const at = endpoint === undefined ? {} : { endpoint };
  return clbClient({ region, protocol, clock, credentials: () => credentials, ...at });
}
