/** A key pair of Alibaba Cloud; `securityToken` where it is temporary (STS). */
export interface CloudCredentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string;
}

/** Asked before every call, so that temporary credentials are those of this invocation and never a stale copy. */
export type CredentialsSource = () => CloudCredentials | Promise<CloudCredentials>;

/** Takes whatever a vendor's message repeats of the credentials out of it (rule 11), and bounds it. */
export function withoutSecrets(text: string, credentials: CloudCredentials, lengthMax = 300): string {
  const secrets = [credentials.accessKeySecret, credentials.securityToken, credentials.accessKeyId];
  return secrets
    .filter((secret) => secret !== undefined && secret !== '')
    .reduce<string>((clean, secret) => clean.replaceAll(secret as string, '***'), text)
    .slice(0, lengthMax);
}
