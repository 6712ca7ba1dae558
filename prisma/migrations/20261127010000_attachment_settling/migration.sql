-- What we wrote to an event's attachments lately, by Graph's ids: lists that know nothing of it are not believed until then.
ALTER TABLE "AttachmentMark" ADD COLUMN     "settlesAt" TIMESTAMPTZ(3),
ADD COLUMN     "written" JSONB;
-- How many lists in a row have known nothing of it.
ALTER TABLE "AttachmentMark" ADD COLUMN     "doubts" INTEGER NOT NULL DEFAULT 0;
