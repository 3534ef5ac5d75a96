import type { RandomPool } from '../random-pool.ts'

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
/** 22 letters and digits are 131 bits: nobody guesses one, and no two are the same. */
const tokenLength = 22
/** Above the last whole multiple of 62 some letters would come more often. */
const byteLimit = 248

export function toRandomToken(random: RandomPool): string {
  let token = ''
  while (token.length < tokenLength) {
    for (const byte of random.take(tokenLength + 2)) {
      if (byte < byteLimit && token.length < tokenLength) token += letters[byte % letters.length]
    }
  }
  return token
}
