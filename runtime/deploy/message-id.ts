/** 16 hex digits, as Node-RED's `_msgid`. */
export function messageId(): string {
  return Math.floor(Math.random() * 2 ** 52).toString(16).padStart(16, '0')
}
