export const listenerProtocols = ['tcp', 'udp', 'http', 'https'] as const;
export const schedulerNames = ['wrr', 'rr', 'wlc', 'sch', 'tch', 'qch'] as const;
export const backendTypes = ['ecs', 'eni', 'eci'] as const;

export type ListenerProtocol = (typeof listenerProtocols)[number];
export type SchedulerName = (typeof schedulerNames)[number];
export type BackendType = (typeof backendTypes)[number];
export type Switch = 'on' | 'off';

/** One backend of a vServer group. `serverIp` is empty for `ecs`; `weight` is 0..100. */
export interface ClbBackend {
  readonly serverId: string;
  readonly serverIp: string;
  readonly port: number;
  readonly weight: number;
  readonly type: BackendType;
  /** The cloud controller writes its ownership here (reference A6). */
  readonly description: string;
}

export interface VServerGroup {
  readonly id: string;
  readonly name: string;
  readonly backends: readonly ClbBackend[];
}

export interface ForwardingRule {
  readonly id: string;
  readonly name: string;
  readonly domain: string;
  readonly url: string;
  readonly vServerGroupId: string;
}

/** A listener, with the fields of the OpenAPI (reference B1) that decide how traffic is spread. Times in seconds. */
export interface Listener {
  readonly port: number;
  readonly protocol: ListenerProtocol;
  readonly status: 'running' | 'stopped';
  readonly description: string;
  readonly scheduler: SchedulerName;
  readonly vServerGroupId: string | null;
  readonly masterSlaveServerGroupId: string | null;
  readonly rules: readonly ForwardingRule[];
  readonly healthCheck: Switch;
  readonly healthCheckType: 'tcp' | 'http';
  /** Null: the backend's own port is checked. */
  readonly healthCheckConnectPort: number | null;
  readonly healthCheckUri: string;
  readonly healthCheckDomain: string;
  readonly healthCheckHttpCode: string;
  readonly healthCheckIntervalS: number;
  readonly healthCheckTimeoutS: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  readonly persistenceTimeoutS: number;
  readonly establishedTimeoutS: number;
  readonly connectionDrain: Switch;
  readonly connectionDrainTimeoutS: number;
  readonly proxyProtocolV2Enabled: boolean;
  readonly stickySession: Switch;
  readonly stickySessionType: 'insert' | 'server';
  readonly cookieTimeoutS: number;
  readonly cookie: string;
  readonly idleTimeoutS: number;
  readonly requestTimeoutS: number;
  readonly listenerForward: Switch;
  readonly forwardPort: number | null;
}

export interface LoadBalancer {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'inactive' | 'locked';
  readonly address: string;
  readonly addressType: 'internet' | 'intranet';
  readonly networkType: 'vpc' | 'classic';
  readonly vpcId: string;
  readonly spec: string;
  readonly deleteProtection: Switch;
  readonly modificationProtection: 'ConsoleProtection' | 'NonProtection';
  readonly tags: Readonly<Record<string, string>>;
  readonly listeners: readonly Listener[];
  readonly groups: readonly VServerGroup[];
}

/** A listener with the values that the product gives what is not named; the scheduler is wrr, the health check on. */
export function listenerOf(named: Partial<Listener> & Pick<Listener, 'port' | 'protocol'>): Listener {
  return {
    status: 'running',
    description: '',
    scheduler: 'wrr',
    vServerGroupId: null,
    masterSlaveServerGroupId: null,
    rules: [],
    healthCheck: 'on',
    healthCheckType: 'tcp',
    healthCheckConnectPort: null,
    healthCheckUri: '/',
    healthCheckDomain: '',
    healthCheckHttpCode: 'http_2xx',
    healthCheckIntervalS: 2,
    healthCheckTimeoutS: 5,
    healthyThreshold: 3,
    unhealthyThreshold: 3,
    persistenceTimeoutS: 0,
    establishedTimeoutS: 900,
    connectionDrain: 'off',
    connectionDrainTimeoutS: 300,
    proxyProtocolV2Enabled: false,
    stickySession: 'off',
    stickySessionType: 'insert',
    cookieTimeoutS: 86_400,
    cookie: '',
    idleTimeoutS: 15,
    requestTimeoutS: 60,
    listenerForward: 'off',
    forwardPort: null,
    ...named,
  };
}

/** A load balancer with the values that the product gives what is not named; active, public, without listeners. */
export function loadBalancerOf(named: Partial<LoadBalancer> & Pick<LoadBalancer, 'id' | 'address'>): LoadBalancer {
  return {
    name: named.id,
    status: 'active',
    addressType: 'internet',
    networkType: 'vpc',
    vpcId: 'vpc-sandbox',
    spec: 'slb.s2.small',
    deleteProtection: 'off',
    modificationProtection: 'NonProtection',
    tags: {},
    listeners: [],
    groups: [],
    ...named,
  };
}

/** What tells backends of one group apart: (ServerId, Port), with the address too for an interface (reference A6). */
export function backendKey(backend: Pick<ClbBackend, 'serverId' | 'serverIp' | 'port' | 'type'>): string {
  return `${backend.serverId}/${backend.type === 'ecs' ? '' : backend.serverIp}/${backend.port}`;
}
