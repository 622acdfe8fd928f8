import { Failure } from '../../kernel/failure.ts';

const TAKEN: Record<string, 'email_taken' | 'username_taken' | 'conflict'> = {
  users_email: 'email_taken',
  users_username: 'username_taken',
  users_pkey: 'conflict',
};

/** What the unique indices of users say, in our words. @throws Failure `email_taken`, `username_taken`, `conflict` */
export async function orTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = TAKEN[(error as { constraint?: string }).constraint ?? ''];
    throw code ? new Failure(code, { constraint: (error as { constraint?: string }).constraint }) : error;
  }
}
