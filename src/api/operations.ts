import { alerting } from './alerting.ts';
import { commanding } from './commanding.ts';
import { openApiDocument } from './openapi.ts';
import { opening } from './opening.ts';
import type { Operation } from './operation.ts';
import { quieting } from './quieting.ts';
import { reading } from './reading.ts';
import { rehearsing } from './rehearsing.ts';
import { signalling } from './signalling.ts';
import { starting } from './starting.ts';

/** Everything that the API does; the OpenAPI document is made of this list, itself included. */
export const operations: readonly Operation[] = [
  ...starting,
  ...rehearsing,
  ...reading,
  ...quieting,
  ...commanding,
  ...signalling,
  ...alerting,
  ...opening(() => openApiDocument(operations)),
];
