import type * as v from 'valibot';
import type { Config } from '../config.ts';
import type { Ports } from '../ports/ports.ts';
import type { Access } from './auth.ts';
import type { ApiRequest, ApiResponse } from './http.ts';

export interface ApiDependencies {
  readonly ports: Ports;
  readonly config: Config;
  /** A new id of lower-case letters and digits: for runs and for errors in the log. */
  newId(): string;
}

/** One request on its way through an operation. */
export interface Call {
  readonly dependencies: ApiDependencies;
  readonly request: ApiRequest;
  /** Name of the migration in the path, checked; empty where the path has none. */
  readonly name: string;
  /** The name of the caller's token. */
  readonly caller: string;
}

/** One method of one path: what the server does and what the OpenAPI document says come from the same lines. */
export interface Operation {
  readonly id: string;
  readonly method: 'GET' | 'POST';
  /** Parts in braces are parameters: `/v1/migrations/{name}`. */
  readonly path: string;
  readonly summary: string;
  readonly access: Access;
  readonly query: readonly QueryParameter[];
  readonly body: Body;
  readonly answer: Answer;
  /** What it answers where a parameter asks for something else. */
  readonly otherAnswers?: readonly Answer[];
  /** Statuses that say no, beside those that every operation has. */
  readonly refusals: readonly number[];
  /** The token may come as the parameter `token`, from a product that can send no header. */
  readonly isTokenInQuery?: boolean;
  carryOut(call: Call): Promise<ApiResponse>;
}

export interface QueryParameter {
  readonly name: string;
  readonly description: string;
  readonly schema: v.GenericSchema;
}

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'migration'; readonly isRequired: boolean }
  | { readonly kind: 'json'; readonly schema: v.GenericSchema; readonly isRequired: boolean };

export interface Answer {
  readonly status: number;
  readonly description: string;
  readonly type: 'application/json' | 'text/html';
  readonly schema: v.GenericSchema | null;
}

export const noBody: Body = { kind: 'none' };
