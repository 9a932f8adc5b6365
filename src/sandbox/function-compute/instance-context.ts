import { dirname } from 'node:path';
import type { Policy } from '../ram.ts';
import type { FunctionSpec } from './function-spec.ts';
import type { ContextData } from './handler.ts';

/** Keys that the platform accepts and hands to functions. An access key id that starts with `STS` needs the token. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string;
}

/** The account that the functions run in. */
export interface Account {
  readonly accountId: string;
  readonly region: string;
  readonly credentials: Credentials;
  /** Roles of functions: they have keys of their own, and may invoke what their policy allows. None where absent. */
  readonly roles?: readonly AccountRole[];
}

export interface AccountRole {
  readonly functions: readonly string[];
  readonly keys: Credentials;
  readonly cloud: Policy;
}

function credentialsOf({ credentials, roles = [] }: Account, { name }: FunctionSpec): Credentials {
  return roles.find(({ functions }) => functions.includes(name))?.keys ?? credentials;
}

/** The context of one invocation as the platform fills it in (reference A4). */
export function contextData(account: Account, spec: FunctionSpec, requestId: string): ContextData {
  const { accessKeyId, accessKeySecret, securityToken = '' } = credentialsOf(account, spec);
  return {
    requestId,
    credentials: { accessKeyId, accessKeySecret, securityToken },
    function: { name: spec.name, handler: spec.handler, memory: spec.memoryMb, timeout: spec.timeoutS },
    service: { name: '', logProject: '', logStore: '', qualifier: 'LATEST', versionId: '' },
    region: account.region,
    accountId: account.accountId,
    tracing: { spanContext: '', jaegerEndpoint: '', spanBaggages: {} },
  };
}

/** The environment that one instance starts with: the function's own, the credentials, and the platform's words. */
export function instanceEnvironment(
  account: Account,
  spec: FunctionSpec,
  instanceId: string,
): Readonly<Record<string, string>> {
  const { accessKeyId, accessKeySecret, securityToken } = credentialsOf(account, spec);
  return {
    ...spec.env,
    ALIBABA_CLOUD_ACCESS_KEY_ID: accessKeyId,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: accessKeySecret,
    ...(securityToken === undefined ? {} : { ALIBABA_CLOUD_SECURITY_TOKEN: securityToken }),
    FC_ACCOUNT_ID: account.accountId,
    FC_FUNC_CODE_PATH: dirname(spec.file),
    FC_FUNCTION_HANDLER: spec.handler,
    FC_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    FC_FUNCTION_NAME: spec.name,
    FC_FUNCTION_VERSION: 'LATEST',
    FC_REGION: account.region,
    FC_CUSTOM_LISTEN_PORT: '9000',
    FC_INSTANCE_ID: instanceId,
  };
}
