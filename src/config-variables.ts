export interface ConfigVariable {
  readonly name: string;
  readonly meaning: string;
  readonly isRequired: boolean;
  readonly example: string;
}

/** Every variable that is read, for the documentation and for the checks of the deployment templates. */
export const configVariables: readonly ConfigVariable[] = [
  {
    name: 'SLUICE_CLUSTERS',
    meaning: 'ACK clusters by name: id, reference to a kubeconfig (file:, env: or ack:), defaultBackendType eni or ecs',
    isRequired: true,
    example: '{"ack":{"id":"c8a4b2","kubeconfig":"ack:c8a4b2"}}',
  },
  {
    name: 'SLUICE_MESHES',
    meaning: 'ASM meshes by name: reference to a kubeconfig (file:, env: or asm:)',
    isRequired: false,
    example: '{"asm":{"kubeconfig":"asm:m1"}}',
  },
  {
    name: 'SLUICE_CLB',
    meaning: 'CLB OpenAPI: region, endpoint (the region’s own if absent), protocol',
    isRequired: true,
    example: '{"region":"cn-hangzhou"}',
  },
  {
    name: 'SLUICE_INVOKER',
    meaning:
      'The step function: accountId, function, and endpoint or region, qualifier; absent where one process hosts all',
    isRequired: false,
    example: '{"accountId":"123456","region":"cn-hangzhou","function":"sluice-step"}',
  },
  {
    name: 'SLUICE_TOKENS',
    meaning: 'Tokens of the API by the name of who holds them: role viewer, reporter or operator, SHA-256 of the token',
    isRequired: true,
    example:
      '{"alice":{"role":"operator","sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}',
  },
  {
    name: 'SLUICE_CHANNELS',
    meaning: 'Chat channels by name: kind dingtalk or webhook, references to url and secret',
    isRequired: false,
    example: '{"ops":{"kind":"dingtalk","url":"env:SLUICE_CHANNEL_OPS_URL","secret":"env:SLUICE_CHANNEL_OPS_SECRET"}}',
  },
  {
    name: 'SLUICE_SIGNALS',
    meaning:
      'Prometheus servers by name, for analysis.signals: kind prometheus, references to url and token, queries, window, delay, patience, timeout (docs/signals.md)',
    isRequired: false,
    example: '{"main":{"kind":"prometheus","url":"env:SLUICE_SIGNALS_MAIN_URL"}}',
  },
  {
    name: 'SLUICE_CLOCK',
    meaning: 'Compressed time, <speed>@<anchor in ms>; for the sandbox',
    isRequired: false,
    example: '20@1767225600000',
  },
  {
    name: 'SLUICE_PUBLIC_URL',
    meaning: 'Where people reach the API; for links in notices',
    isRequired: false,
    example: 'https://sluice.example.com',
  },
  {
    name: 'REDIS_URL',
    meaning: 'The store for Function Compute; or a reference (file: or env:) to its address',
    isRequired: false,
    example: 'rediss://:password@r-1.redis.rds.aliyuncs.com:6379/0',
  },
  {
    name: 'SLUICE_DATA',
    meaning: 'Folder of the embedded store, where there is no REDIS_URL; one of the two is needed',
    isRequired: false,
    example: '/var/lib/sluice',
  },
  {
    name: 'SLUICE_REDIS_SHARDS',
    meaning: 'Number of shards in Redis, 1 to 1024; the same for ever',
    isRequired: false,
    example: '1',
  },
  {
    name: 'SLUICE_PROBE_LOOPBACK',
    meaning: '"allow" lets probes ask loopback addresses; for the sandbox',
    isRequired: false,
    example: 'allow',
  },
  {
    name: 'SLUICE_CLB_ENTRIES',
    meaning: 'Where the listeners of load balancers answer, in the place of their addresses; for the sandbox',
    isRequired: false,
    example: '{"lb-public":{"80":"http://127.0.0.1:8080"}}',
  },
  {
    name: 'SLUICE_PROBE_NETWORKS',
    meaning:
      'The only networks that probes ask: the pods, and the load balancers whose entries are to be asked; any private or public address if absent',
    isRequired: false,
    example: '10.0.0.0/8,fd12:3456::/32',
  },
  {
    name: 'SLUICE_PROBE_CERTIFICATES',
    meaning:
      'Who may have signed what pods show to probes over TLS: a reference (file: or env:) to authorities (PEM), or "any" to check nothing; the public ones if absent',
    isRequired: false,
    example: 'file:/code/gateways-ca.pem',
  },
  {
    name: 'SLUICE_CHANNEL_HOSTS',
    meaning: 'The only hosts that channels may be on; any if absent',
    isRequired: false,
    example: 'oapi.dingtalk.com,*.example.com',
  },
  {
    name: 'SLUICE_NAMESPACES',
    meaning: 'Namespaces of the source gateways, where the watchdog looks for kept baselines; all of them if absent',
    isRequired: false,
    example: 'istio-system,gateways',
  },
  {
    name: 'SLUICE_WATCH_EVERY',
    meaning: 'How often an active migration is looked at, 1s to 60s',
    isRequired: false,
    example: '5s',
  },
];
