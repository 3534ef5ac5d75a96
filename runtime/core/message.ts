/**
 * What travels along a wire: plain data that nobody changes. A node that wants another value returns
 * a new message (`{ ...message, payload }`), so a fan-out needs no clone and branches cannot disturb
 * each other. `payload` may be a {@link Body} that nobody has parsed yet: read it with `payloadOf`.
 */
export interface Message {
  readonly payload?: unknown
  readonly [field: string]: unknown
}

/**
 * The mark a message from an HTTP entry carries as `msg.res`, as in Node-RED. It holds nothing and can
 * do nothing: a reply goes through `run.reply`. It serialises to the string `"[response]"`.
 */
export const responseMark: unique symbol = Symbol('response')
export const response: { readonly [responseMark]: true; toJSON(): string } = Object.freeze({
  [responseMark]: true as const,
  toJSON: () => '[response]',
})
