import { stringify } from 'yaml';

export interface KubeconfigParts {
  readonly cluster: string;
  readonly url: string;
  /** PEM of the authority. */
  readonly ca: string;
  readonly user: string;
  readonly token: string;
}

/** A kubeconfig (YAML) that carries everything itself, with its one context current. */
export function kubeconfigText({ cluster, url, ca, user, token }: KubeconfigParts): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: cluster, cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: cluster, context: { cluster, user, namespace: 'default' } }],
    'current-context': cluster,
  });
}
