export function isJson(value: unknown, depth?: number, plain?: object): boolean
export function pack(value: unknown, bytesToText: (bytes: Uint8Array) => string, replace?: (value: object) => unknown): string
export function unpack(text: string, textToBytes: (text: string) => Uint8Array): unknown
