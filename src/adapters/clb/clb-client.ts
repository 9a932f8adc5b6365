import * as v from 'valibot';
import type { ReleasedTag } from '../../domain/release.ts';
import { TerminalError, TransientError } from '../../ports/errors.ts';
import {
  attributeAnswer,
  type GroupAnswer,
  type GroupSummaryAnswer,
  groupAnswer,
  groupsAnswer,
  type HealthAnswer,
  healthAnswer,
  type ListenerAnswer,
  listenersAnswer,
  tagsAnswer,
} from './answers.ts';
import { type OpenApiOptions, openApi } from './open-api.ts';

/** One backend as SetVServerGroupAttribute takes it: what exists gets this weight, what is not listed stays as it is. */
export interface BackendServer {
  readonly ServerId: string;
  readonly ServerIp?: string;
  readonly Port: number;
  readonly Weight: number;
  readonly Type: string;
  readonly Description: string;
}

/** The actions of SLB 2014-05-15 that Sluice uses, with the generated package's parameter names (reference B1, B3). */
export interface ClbClient {
  describeLoadBalancerAttribute(id: string): Promise<v.InferOutput<typeof attributeAnswer>>;
  describeLoadBalancerListeners(id: string): Promise<readonly ListenerAnswer[]>;
  describeVServerGroups(loadBalancer: string): Promise<readonly GroupSummaryAnswer[]>;
  describeVServerGroupAttribute(id: string): Promise<GroupAnswer>;
  describeHealthStatus(loadBalancer: string): Promise<HealthAnswer>;
  listTagResources(loadBalancer: string): Promise<Readonly<Record<string, string>>>;
  setVServerGroupAttribute(id: string, servers: readonly BackendServer[]): Promise<void>;
  /** The name alone: backends and weights stay as they are. */
  renameVServerGroup(id: string, name: string): Promise<void>;
  tagResources(loadBalancer: string, tags: Readonly<Partial<Record<ReleasedTag, string>>>): Promise<void>;
  /** Takes the named tags away, and knows no others. @throws TerminalError for none, which the API takes for all (B1) */
  untagResources(loadBalancer: string, keys: readonly ReleasedTag[]): Promise<void>;
}

export interface ClbOptions extends Omit<OpenApiOptions, 'version' | 'product' | 'endpoint' | 'protocol'> {
  /** For the sandbox, or for a function inside a VPC (reference B3); else the region's own. */
  readonly endpoint?: string;
  readonly protocol?: 'https' | 'http';
}

const pagesMax = 10;
const pageSize = 100;
/** The public documents' limit for one call (reference A9). */
export const serversMax = 20;

const central: ReadonlySet<string> = new Set([
  'cn-hangzhou',
  'cn-shanghai',
  'cn-beijing',
  'cn-shenzhen',
  'cn-qingdao',
  'cn-hongkong',
  'ap-southeast-1',
  'us-east-1',
  'us-west-1',
]);

/** The CLB's endpoint of a region: the oldest regions share one (reference B3). */
export function clbEndpoint(region: string): string {
  return central.has(region) ? 'slb.aliyuncs.com' : `slb.${region}.aliyuncs.com`;
}

/** A small typed client of the CLB OpenAPI. Every method throws TransientError or TerminalError. */
export function clbClient(options: ClbOptions): ClbClient {
  const ask = asking(options);
  return {
    describeLoadBalancerAttribute: (id) =>
      ask(attributeAnswer, 'DescribeLoadBalancerAttribute', id, { LoadBalancerId: id }),
    describeLoadBalancerListeners: (id) =>
      inPages('DescribeLoadBalancerListeners', id, async (page) => {
        const parameters = { LoadBalancerId: [id], MaxResults: pageSize, ...page };
        const { Listeners, NextToken } = await ask(listenersAnswer, 'DescribeLoadBalancerListeners', id, parameters);
        return { items: Listeners, next: NextToken };
      }),
    describeVServerGroups: async (id) => {
      const parameters = { LoadBalancerId: id, IncludeRule: true };
      const { VServerGroups } = await ask(groupsAnswer, 'DescribeVServerGroups', id, parameters);
      return VServerGroups.VServerGroup;
    },
    describeVServerGroupAttribute: (id) =>
      ask(groupAnswer, 'DescribeVServerGroupAttribute', id, { VServerGroupId: id }),
    describeHealthStatus: (id) => ask(healthAnswer, 'DescribeHealthStatus', id, { LoadBalancerId: id }),
    listTagResources: async (id) => {
      const tags = await inPages('ListTagResources', id, async (page) => {
        const parameters = { ResourceType: 'instance', ResourceId: [id], ...page };
        const { TagResources, NextToken } = await ask(tagsAnswer, 'ListTagResources', id, parameters);
        return { items: TagResources.TagResource, next: NextToken };
      });
      return Object.fromEntries(tags.map(({ TagKey, TagValue }) => [TagKey, TagValue]));
    },
    setVServerGroupAttribute: async (id, servers) => {
      if (servers.length > serversMax)
        throw new TerminalError(`SetVServerGroupAttribute (${id}): more than ${serversMax} servers`);
      const parameters = { VServerGroupId: id, BackendServers: JSON.stringify(servers) };
      await ask(v.object({}), 'SetVServerGroupAttribute', id, parameters);
    },
    renameVServerGroup: async (id, name) => {
      await ask(v.object({}), 'SetVServerGroupAttribute', id, { VServerGroupId: id, VServerGroupName: name });
    },
    tagResources: async (id, tags) => {
      const Tag = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      await ask(v.object({}), 'TagResources', id, { ResourceType: 'instance', ResourceId: [id], Tag });
    },
    untagResources: async (id, keys) => {
      if (keys.length === 0) throw new TerminalError(`UntagResources (${id}): without a key it would take every tag`);
      await ask(v.object({}), 'UntagResources', id, { ResourceType: 'instance', ResourceId: [id], TagKey: [...keys] });
    },
  };
}

/** Sends one action and reads its answer; an answer that lacks something may be whole the next time. */
function asking(options: ClbOptions) {
  const endpoint = options.endpoint ?? clbEndpoint(options.region);
  const protocol = options.protocol ?? 'https';
  const send = openApi({ ...options, endpoint, protocol, version: '2014-05-15', product: 'slb' });
  return async <T extends v.GenericSchema>(
    schema: T,
    action: string,
    about: string,
    parameters: Readonly<Record<string, unknown>>,
  ): Promise<v.InferOutput<T>> => {
    const query = { RegionId: options.region, ...parameters };
    const body = await send({ action, style: 'RPC', method: 'POST', pathname: '/', query, about });
    const parsed = v.safeParse(schema, body);
    if (parsed.success) return parsed.output;
    const path = v.getDotPath(parsed.issues[0]) ?? 'its body';
    throw new TransientError(`${action} (${about}): the answer is not whole: ${path}`);
  };
}

interface Page<T> {
  readonly items: readonly T[];
  readonly next: string;
}

async function inPages<T>(
  action: string,
  about: string,
  read: (page: { readonly NextToken?: string }) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  let next = '';
  for (let page = 0; page < pagesMax; page++) {
    const answer = await read(next === '' ? {} : { NextToken: next });
    all.push(...answer.items);
    next = answer.next;
    if (next === '') return all;
  }
  throw new TerminalError(`${action} (${about}): more than ${pagesMax} pages`);
}
