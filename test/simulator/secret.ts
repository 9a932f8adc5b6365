/** Stands in every error of a port (as its cause) and in an annotation of every Service: it must appear nowhere else. */
export const secret = 'token-3f9c1a';

/** What a client leaves in its errors: the request as it was sent. */
export const sent = { cause: new Error(`GET /api authorization: Bearer ${secret}`) } as const;
