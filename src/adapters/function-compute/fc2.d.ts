/** The part of `@alicloud/fc2` 2.6.6 that is used; the package has no types of its own. */
declare module '@alicloud/fc2' {
  interface FcConfig {
    readonly accessKeyID: string;
    readonly accessKeySecret: string;
    readonly securityToken?: string;
    readonly region: string;
    /** With a scheme. */
    readonly endpoint?: string;
    readonly secure: boolean;
    /** Milliseconds. */
    readonly timeout: number;
  }
  interface FcAnswer {
    readonly headers: Readonly<Record<string, string | undefined>>;
    readonly data: unknown;
  }
  class FcClient {
    constructor(accountId: string, config: FcConfig);
    version: string;
    post(
      path: string,
      body: string | Buffer | null,
      headers: Readonly<Record<string, string>>,
      queries: Readonly<Record<string, string>>,
    ): Promise<FcAnswer>;
  }
  export = FcClient;
}
