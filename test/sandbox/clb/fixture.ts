import { expect } from 'vitest';
import { type ClbBackend, listenerOf, loadBalancerOf } from '../../../src/sandbox/clb/load-balancer.ts';
import { ClbModel, type ClbModelOptions } from '../../../src/sandbox/clb/model.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';

export function backendAt(serverIp: string, weight: number, port = 8080): ClbBackend {
  return { serverId: `eni-${serverIp}`, serverIp, port, weight, type: 'eni', description: '' };
}

/** A model with lb-public (80 http and 443 https, a group each), whose writes are never refused unless asked. */
export function clbWith(backends: readonly ClbBackend[], options: Partial<ClbModelOptions> = {}): ClbModel {
  const model = new ClbModel({ random: seededRandom(1), busyMs: { min: 0, max: 0 }, ...options });
  model.put(
    loadBalancerOf({
      id: 'lb-public',
      address: '47.96.0.1',
      tags: { team: 'shop' },
      listeners: [
        listenerOf({ port: 80, protocol: 'http', vServerGroupId: 'rsp-pub-80' }),
        listenerOf({ port: 443, protocol: 'https', vServerGroupId: 'rsp-pub-443' }),
      ],
      groups: [
        { id: 'rsp-pub-80', name: 'pub-80', backends },
        { id: 'rsp-pub-443', name: 'pub-443', backends: [] },
        { id: 'rsp-free', name: 'free', backends: [] },
      ],
    }),
  );
  return model;
}

export const front = { loadBalancerId: 'lb-public', port: 80 } as const;

/** Records one good check of each backend, so that it is served. */
export function allHealthy(model: ClbModel, backends: readonly ClbBackend[], now = 0): void {
  for (const backend of backends) model.recordCheck('rsp-pub-80', backend, true, now);
}

export function region(params: Record<string, string> = {}): Record<string, string> {
  return { RegionId: 'cn-hangzhou', ...params };
}

export const lb = { LoadBalancerId: 'lb-public' };
export const group = { VServerGroupId: 'rsp-pub-80' };

/** An entry of the BackendServers parameter. */
export function eni(ip: string, fields: object = {}): object {
  return { ServerId: `eni-${ip}`, ServerIp: ip, Port: 8080, Type: 'eni', ...fields };
}

export function servers(...list: readonly object[]): string {
  return JSON.stringify(list);
}

/** The body of an answer that must be a good one. */
export function answer(
  model: ClbModel,
  action: string,
  params: Record<string, string> = {},
  now = 0,
): Record<string, unknown> {
  const { status, body } = model.call(action, region(params), now);
  expect(body).not.toHaveProperty('Code');
  expect(status).toBe(200);
  return body;
}

export function backendsOf(model: ClbModel, id = 'rsp-pub-80'): readonly Record<string, unknown>[] {
  const body = answer(model, 'DescribeVServerGroupAttribute', { VServerGroupId: id });
  return (body['BackendServers'] as { BackendServer: Record<string, unknown>[] }).BackendServer;
}
