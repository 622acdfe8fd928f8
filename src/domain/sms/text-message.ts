/** A text message before it is written. Its words stand in `views/sms/texts`. */
export type TextMessage = {
  /** What its code is for: a sign-in, a number that is set up as a factor. */
  purpose: 'sign-in' | 'enrol';
  code: string;
  /** E.164. */
  to: string;
  /** BCP 47 tags, the most wanted first; the tenant's own language comes after them. */
  languages: readonly string[];
  /** ISO 8601; after this instant the code is of no use, and is not sent any more. */
  until: string;
};
