import { generate } from 'selfsigned';

/** A server's key and certificate with the authority that signed it, all PEM. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

const notBeforeDate = new Date('2020-01-01T00:00:00Z');
const notAfterDate = new Date('2099-12-31T00:00:00Z');
const curve = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256', notBeforeDate, notAfterDate } as const;

let shared: Promise<ServerCertificate> | undefined;

/**
 * The certificate of every API server of this process, for 127.0.0.1 and localhost. Made once, because keys cost CPU,
 * and valid whatever the sandbox's clock says.
 */
export function serverCertificate(): Promise<ServerCertificate> {
  shared ??= makeCertificate();
  return shared;
}

async function makeCertificate(): Promise<ServerCertificate> {
  const authority = await generate([{ name: 'commonName', value: 'sluice-sandbox-ca' }], {
    ...curve,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'kube-apiserver' }], {
    ...curve,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { key: server.private, cert: server.cert, ca: authority.cert };
}
