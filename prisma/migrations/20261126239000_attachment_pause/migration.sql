-- An event whose attachments Graph cannot list is left alone for a while, longer each time.
ALTER TABLE "AttachmentMark" ADD COLUMN     "failures" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "retryAt" TIMESTAMPTZ(3);
