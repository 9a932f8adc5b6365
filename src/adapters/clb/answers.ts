import * as v from 'valibot';

/** Old samples of the API show numbers as strings (reference B1), so either is read as a number. */
const integer = v.pipe(v.union([v.number(), v.pipe(v.string(), v.regex(/^-?\d+$/), v.transform(Number))]), v.integer());
const text = v.optional(v.nullable(v.string(), ''), '');
const switchText = v.optional(v.string());

const config = v.object({
  PersistenceTimeout: v.optional(integer),
  HealthCheck: switchText,
  StickySession: switchText,
  HealthCheckType: text,
  HealthCheckConnectPort: v.optional(v.nullable(integer)),
  HealthCheckURI: text,
  HealthCheckDomain: text,
  EstablishedTimeout: v.optional(integer),
  ConnectionDrain: switchText,
  ProxyProtocolV2Enabled: v.optional(v.union([v.boolean(), v.string()])),
  MasterSlaveServerGroupId: text,
});

/** The parts that are read of each answer, in the API's own names; a list that is missing is an answer that is not whole. */
export const attributeAnswer = v.object({
  LoadBalancerId: v.string(),
  LoadBalancerName: text,
  LoadBalancerStatus: v.string(),
  Address: text,
  AddressType: text,
  AddressIPVersion: text,
  ResourceGroupId: text,
  LoadBalancerSpec: text,
});

export const groupsAnswer = v.object({
  VServerGroups: v.object({
    VServerGroup: v.array(
      v.object({
        VServerGroupId: v.string(),
        VServerGroupName: text,
        ServerCount: v.optional(integer, 0),
        AssociatedObjects: v.optional(
          v.object({
            Rules: v.optional(v.object({ Rule: v.array(v.object({ Domain: text, Url: text })) })),
          }),
        ),
      }),
    ),
  }),
});

export const groupAnswer = v.object({
  VServerGroupId: v.string(),
  LoadBalancerId: text,
  BackendServers: v.object({
    BackendServer: v.array(
      v.object({ ServerId: v.string(), ServerIp: text, Port: integer, Weight: integer, Type: text, Description: text }),
    ),
  }),
});

export const healthAnswer = v.object({
  BackendServers: v.object({
    BackendServer: v.array(
      v.object({
        ListenerPort: v.optional(integer),
        ServerId: v.string(),
        ServerIp: text,
        Port: integer,
        ServerHealthStatus: v.string(),
      }),
    ),
  }),
});

export const listenersAnswer = v.object({
  Listeners: v.array(
    v.object({
      ListenerPort: integer,
      ListenerProtocol: v.string(),
      Status: text,
      Scheduler: text,
      VServerGroupId: text,
      TCPListenerConfig: v.optional(config),
      UDPListenerConfig: v.optional(config),
      HTTPListenerConfig: v.optional(config),
      HTTPSListenerConfig: v.optional(config),
    }),
  ),
  NextToken: text,
});

export const tagsAnswer = v.object({
  TagResources: v.object({ TagResource: v.array(v.object({ TagKey: v.string(), TagValue: text })) }),
  NextToken: text,
});

export type ListenerAnswer = v.InferOutput<typeof listenersAnswer>['Listeners'][number];
export type ListenerConfig = v.InferOutput<typeof config>;
export type GroupSummaryAnswer = v.InferOutput<typeof groupsAnswer>['VServerGroups']['VServerGroup'][number];
export type GroupAnswer = v.InferOutput<typeof groupAnswer>;
export type HealthAnswer = v.InferOutput<typeof healthAnswer>;
