import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { readTree } from '../tree.ts';
import type { Installation } from './checks.ts';
import { parseTemplate, type Template } from './template.ts';

const root = new URL('../../', import.meta.url);

/** The parameters of an installation as an operator would give them, at the long end. */
export const parameters = {
  Prefix: 'sluice',
  'ALIYUN::Region': 'cn-hangzhou',
  'ALIYUN::TenantId': '1234567890123456',
  CodeBucket: 'example-code',
  VpcId: 'vpc-bp1example',
  VSwitchId: 'vsw-bp1example',
  SecurityGroupId: 'sg-bp1example',
  LogProject: 'example-logs',
  RedisUrl: `rediss://sluice:${'p'.repeat(64)}@r-bp1example.redis.rds.aliyuncs.com:6379/0`,
  AckClusterId: `c${'0123456789abcdef'.repeat(2)}`,
  AsmMeshId: 'cexamplemesh0123456789',
  Tokens: JSON.stringify({
    'on-call': { role: 'operator', sha256: 'a'.repeat(64) },
    gateways: { role: 'reporter', sha256: 'b'.repeat(64) },
    dashboard: { role: 'viewer', sha256: 'c'.repeat(64) },
  }),
  Channels: JSON.stringify({
    ops: { kind: 'dingtalk', url: 'env:SLUICE_CHANNEL_OPS_URL', secret: 'env:SLUICE_CHANNEL_OPS_SECRET' },
  }),
  ChannelOpsUrl: `https://oapi.dingtalk.com/robot/send?access_token=${'d'.repeat(64)}`,
  ChannelOpsSecret: `SEC${'e'.repeat(64)}`,
  Signals: '{"main":{"kind":"prometheus","url":"env:SLUICE_SIGNALS_MAIN_URL","token":"env:SLUICE_SIGNALS_MAIN_TOKEN"}}',
  SignalsMainUrl: 'https://prometheus.example.com/api/prom',
  SignalsMainToken: 'f'.repeat(64),
  PublicUrl: 'https://example-trigger.cn-hangzhou.fcapp.run',
} as const;

/** The same installation as the environment of a shell that runs Serverless Devs. */
export const shell = {
  REGION: parameters['ALIYUN::Region'],
  ACCOUNT_ID: parameters['ALIYUN::TenantId'],
  MIGRATION_ROLE_ARN: 'acs:ram::1234567890123456:role/sluice-migration',
  SCHEDULE_ROLE_ARN: 'acs:ram::1234567890123456:role/sluice-schedule',
  WATCHDOG_ROLE_ARN: 'acs:ram::1234567890123456:role/sluice-watchdog',
  VPC_ID: parameters.VpcId,
  VSWITCH_ID: parameters.VSwitchId,
  SECURITY_GROUP_ID: parameters.SecurityGroupId,
  LOG_PROJECT: parameters.LogProject,
  REDIS_URL: parameters.RedisUrl,
  ACK_CLUSTER_ID: parameters.AckClusterId,
  ASM_MESH_ID: parameters.AsmMeshId,
  SLUICE_TOKENS: parameters.Tokens,
  SLUICE_CHANNELS: parameters.Channels,
  SLUICE_CHANNEL_OPS_URL: parameters.ChannelOpsUrl,
  SLUICE_CHANNEL_OPS_SECRET: parameters.ChannelOpsSecret,
  SLUICE_SIGNALS: parameters.Signals,
  SLUICE_SIGNALS_MAIN_URL: parameters.SignalsMainUrl,
  SLUICE_SIGNALS_MAIN_TOKEN: parameters.SignalsMainToken,
  SLUICE_PUBLIC_URL: parameters.PublicUrl,
} as const;

export async function readTemplate(): Promise<Template> {
  return parseTemplate(await readFile(new URL('template.yml', root), 'utf8'));
}

export async function readServerless(): Promise<string> {
  return readFile(new URL('s.yaml', root), 'utf8');
}

/** The doors in functions/: a file without an exported handler is none. */
export function readInstallation(variables: readonly string[]): Installation {
  const functions = [...readTree('.ts')]
    .filter(
      ([path, source]) => path.startsWith('functions/') && /^export (?:async function|const) handler\b/m.test(source),
    )
    .map(([path]) => basename(path, '.ts'));
  return { functions, variables, values: parameters };
}
