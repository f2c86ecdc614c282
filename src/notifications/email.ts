import { createTransport } from "nodemailer";
import type { SmtpSettings } from "../config.ts";
import { messageOf } from "../errors.ts";

/** Sends mail over connections that are kept for a while. */
export type Mailer = Disposable & {
  /** @throws an error that says why the server has not taken it */
  send(
    mail: { readonly id: string; readonly to: string; readonly subject: string; readonly text: string },
    signal: AbortSignal,
  ): Promise<void>;
};

/** How long a server may take for one step; less than a delivery may take in all. */
const STEP_MS = 5_000;

/** Makes what sends mail through the server that is set up. */
export function createMailer({ url, from }: SmtpSettings): Mailer {
  const transport = createTransport({
    url,
    pool: true,
    // What could not be sent is tried again by the queue.
    maxRequeues: 0,
    dnsTimeout: STEP_MS,
    connectionTimeout: STEP_MS,
    greetingTimeout: STEP_MS,
    socketTimeout: STEP_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = /@([^\s@>]+)/.exec(from)?.[1] ?? "prebuildd";
  return {
    async send({ id, to, subject, text }, signal) {
      try {
        await transport.sendMail({
          from,
          // As an object it is one address, whatever stands in it.
          to: { name: "", address: to },
          subject,
          text,
          messageId: `<${id}@${domain}>`,
          headers: { "Auto-Submitted": "auto-generated" },
          signal,
        });
      } catch (error) {
        const reason = messageOf(signal.aborted ? signal.reason : error);
        throw new Error(`the mail server did not take the message: ${reason}`);
      }
    },
    [Symbol.dispose]: () => transport.close({ force: true }),
  };
}
