import { Readable } from 'node:stream'

/** Texts as a stream of bytes: the next one is asked for when the reader has room. `stop`: whoever makes them is to stop at once, whatever it waits for. */
export function toReadable(first: IteratorResult<string>, rest: AsyncIterator<string>, stop: () => void): Readable {
  let ready: IteratorResult<string> | undefined = first
  return new Readable({
    read() {
      const give = ({ done, value }: IteratorResult<string>) => void this.push(done === true ? null : value)
      const given = ready
      ready = undefined
      if (given) give(given)
      else rest.next().then(give, (error: Error) => this.destroy(error))
    },
    destroy(error, callback) {
      stop()
      callback(error)
    },
  })
}
